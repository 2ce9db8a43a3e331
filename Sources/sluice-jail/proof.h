#pragma once

// Tries in a jailed child what the jail forbids: 0 if it was stopped in the way it should be, 1 if not, with a line on
// standard error.
int sluice_jail_prove(const char *what);
