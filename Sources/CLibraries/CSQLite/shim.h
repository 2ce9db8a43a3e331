#pragma once
#include <errno.h>
#include <sqlite3.h>
// SQLITE_TRANSIENT is a cast of -1, which the importer drops: SQLite copies the bytes before the call returns.
static inline sqlite3_destructor_type sluice_sqlite_transient(void) { return SQLITE_TRANSIENT; }
// ENOSPC, without Glibc beside it.
static inline int sluice_no_space(void) { return ENOSPC; }
