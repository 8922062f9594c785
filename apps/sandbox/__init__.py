"""Protocol-true emulators of the gateways and the virtual phones. Imports only core and gateways."""
