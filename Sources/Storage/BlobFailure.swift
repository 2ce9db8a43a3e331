package import Platform

/// Why the store did not do it.
package struct BlobFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable, CaseIterable {
        /// There is nothing at that key.
        case absent
        /// No room: what was asked was not kept.
        case full
        /// The store could not be reached, or failed as disks and networks do.
        case away
        /// It will say no again: a key it cannot hold, a file beyond the limit, rights that lack.
        case refused
    }

    /// What an operator must mend; the message says how. No try of ours helps, yet work that waits may go on afterwards:
    /// such a failure is `away`, and who starts or examines a server looks here.
    package enum Cause: Sendable, Hashable {
        case noCredentials
        case wrongSecret
        case unknownKey
        case expiredToken
        case missingBucket
        case noPermission
        /// The bucket's own region, where the store said it.
        case wrongRegion(String?)
        /// By more than a store forgives.
        case clockOff
        case tls
        case unresolved
        case unreachable
    }

    package let kind: Kind
    package let message: String
    package let cause: Cause?

    package init(_ kind: Kind, _ message: String, cause: Cause? = nil) {
        self.kind = kind
        self.message = message
        self.cause = cause
    }

    package var description: String { message }

    /// A retry may help when the store was away or full; never when it said no.
    package var isPassing: Bool {
        switch kind {
        case .away, .full: true
        case .absent, .refused: false
        }
    }

    /// The kernel's answer about `key`, in this room's words.
    package init(_ error: Errno, _ key: String) {
        if error == .noSuchFile {
            self.init(.absent, "there is nothing at \(key)")
        } else if error.isOutOfSpace {
            self.init(.full, "no room for \(key): \(error.reason)")
        } else if error.isPassing {
            self.init(.away, "the disk failed at \(key): \(error.reason)")
        } else {
            self.init(.refused, "\(key): \(error.reason)")
        }
    }
}
