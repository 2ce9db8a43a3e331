#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inside.h"

static char reason[512];

const char *sluice_jail_reason(void) { return reason; }

void sluice_jail_say(const char *what, const char *about) {
    int kept = errno;
    snprintf(reason, sizeof reason, about ? "%s %s" : "%s", what, about);
    errno = kept;
}

static int fail(enum sluice_jail_failure failure, const char *what) {
    if (what) sluice_jail_say(what, NULL);
    return failure;
}

// Root's powers go before the jail is built. They do not come back with execve: no_new_privs keeps what is permitted
// within what was permitted before.
static int drop_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof none);
    return (int)syscall(SYS_capset, &header, none);
}

// `grace`: how far the hard limit lies above the soft one.
static int limit(__rlimit_resource_t resource, uint64_t value, uint64_t grace) {
    struct rlimit old, new = {value, value + grace};
    if (getrlimit(resource, &old) != 0) return -1;
    // Nobody may raise what is set already, and it would be no limit if we could.
    if (new.rlim_max > old.rlim_max) new.rlim_max = old.rlim_max;
    if (new.rlim_cur > new.rlim_max) new.rlim_cur = new.rlim_max;
    return setrlimit(resource, &new);
}

static int limit_all(const struct sluice_jail_rules *rules) {
    if (limit(RLIMIT_CORE, 0, 0) != 0) return -1;
    // SIGXCPU comes first and names the cause: a plain SIGKILL would look like the out-of-memory killer's.
    if (rules->seconds && limit(RLIMIT_CPU, rules->seconds, 2) != 0) return -1;
    if (rules->memory && limit(RLIMIT_AS, rules->memory, 0) != 0) return -1;
    if (rules->file_size && limit(RLIMIT_FSIZE, rules->file_size, 0) != 0) return -1;
    if (rules->files && limit(RLIMIT_NOFILE, rules->files, 0) != 0) return -1;
    // It counts all of the user's threads, so "no more than there are" is the only useful number; root is not bound by it.
    if (rules->profile != SLUICE_JAIL_NONE && !rules->threads && limit(RLIMIT_NPROC, 1, 0) != 0) return -1;
    return 0;
}

int sluice_jail(const struct sluice_jail_rules *rules) {
    reason[0] = 0;
    bool jailed = rules->profile != SLUICE_JAIL_NONE;
    if (jailed && drop_capabilities() != 0) return fail(SLUICE_JAIL_LIMITS, "capabilities cannot be dropped");
    // After the capabilities: a change of credentials may clear it. execve keeps it.
    if (rules->parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail(SLUICE_JAIL_ORPHAN, "no parent-death signal");
        // The parent may have died before the line above, and then no signal comes.
        if (getppid() != rules->parent) {
            errno = ESRCH;
            return fail(SLUICE_JAIL_ORPHAN, "the parent is gone");
        }
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(SLUICE_JAIL_LIMITS, "no_new_privs is refused");
    if (limit_all(rules) != 0) return fail(SLUICE_JAIL_LIMITS, "a limit is refused");
    if (!jailed) return 0;
    if (sluice_jail_files(rules) != 0) return fail(SLUICE_JAIL_LANDLOCK, NULL);
    // Last, because it forbids all that was done here.
    if (sluice_jail_calls(rules) != 0) return fail(SLUICE_JAIL_SECCOMP, NULL);
    return 0;
}
