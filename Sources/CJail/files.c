// Landlock, by its system calls: the C library has no wrappers, and the build machine's headers may be older than the kernel.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inside.h"

enum { create_ruleset = 444, add_rule = 445, restrict_self = 446 };  // the same on every machine

struct ruleset {
    uint64_t files, network, scope;
};

struct path_rule {
    uint64_t access;
    int32_t folder;
} __attribute__((packed));

enum {
    execute = 1 << 0,
    write_file = 1 << 1,
    read_file = 1 << 2,
    read_folder = 1 << 3,
    remove_folder = 1 << 4,
    remove_file = 1 << 5,
    make_folder = 1 << 7,
    make_file = 1 << 8,
    up_to_version_1 = (1 << 13) - 1,
    refer = 1 << 13,         // version 2
    truncate_file = 1 << 14,  // version 3
    use_device = 1 << 15,     // version 5
    for_one_file = execute | write_file | read_file | truncate_file | use_device,
    reading = read_file | read_folder,
    writing = reading | write_file | truncate_file | make_file | make_folder | remove_file | remove_folder | refer,
};

// What the loader reads of any program. A machine has some of them.
static const char *const libraries[] = {
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/etc/ld.so.cache", NULL,
};
static const char *const loaders[] = {
    "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1",
    NULL,
};

int sluice_jail_landlock_version(void) {
    long version = syscall(create_ruleset, NULL, 0, 1);
    return version > 0 ? (int)version : 0;
}

static struct ruleset handled_by(int version) {
    struct ruleset all = {up_to_version_1, 0, 0};
    if (version >= 2) all.files |= refer;
    if (version >= 3) all.files |= truncate_file;
    if (version >= 4) all.network = 3;  // neither bind nor connect by TCP
    if (version >= 5) all.files |= use_device;
    if (version >= 6) all.scope = 3;  // no abstract unix sockets and no signals to the outside
    return all;
}

static int grant(int rules, const char *path, uint64_t access, uint64_t handled, bool may_be_missing) {
    int opened = open(path, O_PATH | O_CLOEXEC);
    if (opened < 0) {
        if (may_be_missing && (errno == ENOENT || errno == EACCES || errno == ENOTDIR)) return 0;
        sluice_jail_say("cannot grant", path);
        return -1;
    }
    struct stat status;
    int result = fstat(opened, &status);
    if (result == 0) {
        struct path_rule rule = {access & handled, opened};
        if (!S_ISDIR(status.st_mode)) rule.access &= for_one_file;
        result = (int)syscall(add_rule, rules, 1, &rule, 0);
    }
    if (result != 0) sluice_jail_say("cannot grant", path);
    int kept = errno;
    close(opened);
    errno = kept;
    return result;
}

static int grant_all(int rules, const char *const *paths, uint64_t access, uint64_t handled, bool may_be_missing) {
    for (; paths && *paths; paths++)
        if (grant(rules, *paths, access, handled, may_be_missing) != 0) return -1;
    return 0;
}

int sluice_jail_files(const struct sluice_jail_rules *rules) {
    int version = sluice_jail_landlock_version();
    if (version < 1) {
        sluice_jail_say("the kernel has no Landlock, or it is not switched on (kernel 5.13, lsm=landlock)", NULL);
        return -1;
    }
    struct ruleset all = handled_by(version);
    size_t size = version >= 6 ? sizeof all : version >= 4 ? offsetof(struct ruleset, scope) : offsetof(struct ruleset, network);
    int set = (int)syscall(create_ruleset, &all, size, 0);
    if (set < 0) {
        sluice_jail_say("Landlock refuses its rules", NULL);
        return -1;
    }
    int result = grant_all(set, rules->read, reading, all.files, false);
    if (result == 0) result = grant_all(set, rules->write, writing, all.files, false);
    if (result == 0 && rules->program) {
        result = grant(set, rules->program, execute | read_file, all.files, false);
        if (result == 0) result = grant_all(set, loaders, execute | read_file, all.files, true);
        if (result == 0) result = grant_all(set, libraries, reading, all.files, true);
    }
    if (result == 0) {
        result = (int)syscall(restrict_self, set, 0);
        if (result != 0) sluice_jail_say("Landlock refuses to begin", NULL);
    }
    int kept = errno;
    close(set);
    errno = kept;
    return result;
}
