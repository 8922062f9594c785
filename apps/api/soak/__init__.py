"""`manage.py soak`: a house of its own under load and random faults, and then the truth, computed anew.

journal.py   what was done from outside, and when it was confirmed: the only thing that the checker believes
world.py     the people, their devices and lists before it begins
client.py    a caller of the real API who repeats what was not answered
traffic.py   pushes, consent, erasures, moves, campaigns and what is done to them
shoppers.py  events that bring people into automations, and out of them; one automation is paused and resumed
integrator.py, listener.py   webhooks: switched off and on; the servers that they go to
house.py     the processes of the house, found from outside, and the gateways' scripts
faults.py    what can go wrong, drawn from the seed
checker.py   every promise, against inbox, ledger and journal; check_automations.py, check_caps.py, check_texts.py,
             check_webhooks.py
run.py       begin, keep going, heal, wait, judge
"""
