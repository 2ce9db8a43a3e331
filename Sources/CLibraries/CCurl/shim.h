// libcurl's setters and getters are variadic, which Swift cannot call; each shim below is one of them with its type.
#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

static inline CURLcode sluice_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode sluice_curl_set_size(CURL *easy, CURLoption option, int64_t value) {
    return curl_easy_setopt(easy, option, (curl_off_t)value);
}
static inline CURLcode sluice_curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode sluice_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLMcode sluice_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

// Callbacks: one context for all of them.
typedef size_t (*sluice_curl_bytes)(char *bytes, size_t size, size_t count, void *context);
typedef int (*sluice_curl_progress)(void *context, curl_off_t, curl_off_t, curl_off_t total, curl_off_t sent);
typedef int (*sluice_curl_connected)(void *context, char *address, char *own, int port, int own_port);
typedef int (*sluice_curl_seek)(void *context, curl_off_t offset, int origin);
typedef curl_socket_t (*sluice_curl_socket)(void *context, curlsocktype purpose, struct curl_sockaddr *address);

static inline void sluice_curl_on_write(CURL *easy, sluice_curl_bytes function, void *context) {
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}
static inline void sluice_curl_on_header(CURL *easy, sluice_curl_bytes function, void *context) {
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
}
static inline void sluice_curl_on_read(CURL *easy, sluice_curl_bytes function, void *context) {
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_READDATA, context);
}
static inline void sluice_curl_on_seek(CURL *easy, sluice_curl_seek function, void *context) {
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, context);
}
static inline void sluice_curl_on_progress(CURL *easy, sluice_curl_progress function, void *context) {
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, context);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}
static inline CURLcode sluice_curl_on_socket(CURL *easy, sluice_curl_socket function, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, function);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
}
static inline CURLcode sluice_curl_on_connected(CURL *easy, sluice_curl_connected function, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, function);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_PREREQDATA, context);
}

static inline int64_t sluice_curl_uploaded(CURL *easy) {
    curl_off_t count = 0;
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &count);
    return count;
}
static inline void *sluice_curl_private(CURL *easy) {
    char *context = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &context);
    return context;
}

// The message is a union: the next finished transfer, its result in `code`; NULL when there is none.
static inline CURL *sluice_curl_finished(CURLM *multi, CURLcode *code) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        *code = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}

// The address in a curl_sockaddr is longer than the field that holds it. Answers its length, 4 or 16; 0 for another family.
static inline int sluice_curl_address(const struct curl_sockaddr *address, uint8_t *bytes) {
    const void *start = &address->addr;
    if (address->family == AF_INET) {
        memcpy(bytes, (const uint8_t *)start + offsetof(struct sockaddr_in, sin_addr), 4);
        return 4;
    }
    if (address->family == AF_INET6) {
        memcpy(bytes, (const uint8_t *)start + offsetof(struct sockaddr_in6, sin6_addr), 16);
        return 16;
    }
    return 0;
}

// libcurl's own sockets would be inherited by children.
static inline int sluice_curl_open(const struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}
