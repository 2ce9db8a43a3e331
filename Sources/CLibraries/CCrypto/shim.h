// The SHA-256 midstate can only be taken from SHA256_CTX, which OpenSSL 3 calls deprecated, like the one call for MD5.
#pragma once
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

// The processors' own CRC32C instruction, which Swift has no name for. Eight bytes a step; `crc` is the inverted state.
#if defined(__x86_64__)
static inline int sluice_has_crc32c(void) { return __builtin_cpu_supports("sse4.2"); }
__attribute__((target("sse4.2"))) static inline uint32_t sluice_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    uint64_t state = crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        state = __builtin_ia32_crc32di(state, word);
    }
    crc = (uint32_t)state;
    for (; count > 0; bytes++, count--) crc = __builtin_ia32_crc32qi(crc, *bytes);
    return crc;
}
#elif defined(__ARM_FEATURE_CRC32)
static inline int sluice_has_crc32c(void) { return 1; }
static inline uint32_t sluice_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        crc = __builtin_arm_crc32cd(crc, word);
    }
    for (; count > 0; bytes++, count--) crc = __builtin_arm_crc32cb(crc, *bytes);
    return crc;
}
#else
static inline int sluice_has_crc32c(void) { return 0; }
static inline uint32_t sluice_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    (void)bytes, (void)count;
    return crc;
}
#endif
