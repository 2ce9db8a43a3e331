/// Why no verdict came. It says nothing about the file: the caller keeps the file back and, where `isPassing`, asks again.
package struct ScanFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// `sluice-scan` is missing, does not start, or its database cannot be loaded.
        case unavailable
        /// The scanner ended while this file was under way.
        case scannerLost
        /// The process that scanned this file was killed or crashed. Enough of these in a row make the file unscannable.
        case childLost
        /// No scratch folder, process or descriptor could be had for the scan.
        case resources
        /// The service is stopping.
        case stopped
        case cancelled
    }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// Whether the same scan may well succeed later. All kinds are faults of ours, never of the file.
    package var isPassing: Bool {
        switch kind {
        case .unavailable, .scannerLost, .childLost, .resources, .stopped: true
        case .cancelled: false
        }
    }

    package var description: String { "\(kind.rawValue): \(message)" }
}
