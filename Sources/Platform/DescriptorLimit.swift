internal import Glibc

/// How many descriptors this process may have open.
package enum DescriptorLimit {
    /// Raises it to what the system lets it be, at most `wanted`; what it is then. Children inherit it.
    @discardableResult
    package static func raise(to wanted: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        let most = min(limit.rlim_max, rlim_t(wanted))
        if limit.rlim_cur < most {
            limit.rlim_cur = most
            // What it was holds where it is refused.
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
