// What jail.c has of its two neighbours.
#pragma once
#include "CJail.h"

// Each answers 0, or -1 with errno set and the reason said.
int sluice_jail_files(const struct sluice_jail_rules *rules);
int sluice_jail_calls(const struct sluice_jail_rules *rules);

void sluice_jail_say(const char *reason, const char *about);
