"""`manage.py up`: the whole house in one process tree.

ports.py     are the ports free?
programs.py  what runs: sandbox, web server, workers, beat
steps.py     what is done once, in order, with a line for each: servers, migrations, demo world
watch.py     which of the running programs has gone deaf
house.py     start, tend, stop
"""
