#pragma once
#include <errno.h>
#include <sqlite3.h>
// SQLITE_TRANSIENT is a cast of -1, which the importer drops: SQLite copies the bytes before the call returns.
static inline sqlite3_destructor_type sluice_sqlite_transient(void) { return SQLITE_TRANSIENT; }
// Counting every allocation takes a lock each time. To be called before anything else of SQLite.
static inline int sluice_sqlite_quicken(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }
// ENOSPC, without Glibc beside it.
static inline int sluice_no_space(void) { return ENOSPC; }
