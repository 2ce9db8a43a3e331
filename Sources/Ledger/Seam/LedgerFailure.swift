package import Core

/// Why the ledger did not do it. `isPassing` says whether the same call may succeed later by itself.
package struct LedgerFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// Cannot be opened or reached now.
        case unavailable
        /// The server does not let us in: a wrong password, no such database, no trust in its certificate.
        case refused
        /// Another transaction was first; the body is run again.
        case raced
        /// No space on the disk; the service lives, and later writes succeed when there is space again.
        case full
        case readOnly
        case corrupt
        /// Written by a program whose data this one must not touch.
        case newerSchema
        /// A migration that ran here had another text than the one this program carries.
        case changedMigration
        /// Too many writes are waiting already.
        case overloaded
        /// Closed by us.
        case closed
        case conflict(Conflict)
        /// There may be room again after `wait`, at the pace of the last jobs.
        case queueFull(queue: Queue, depth: Int, maximum: Int, wait: Duration)
        /// SQL of ours that the backend refused: a fault of the program.
        case program
    }

    package enum Conflict: Sendable, Equatable {
        case unique
        /// The track id belongs to another tenant: to be answered as if it did not exist.
        case trackOfAnotherTenant
        /// The track id is this tenant's already.
        case trackExists
        /// It was this tenant's once; a deleted id is never used again.
        case trackDeleted
    }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var isPassing: Bool {
        switch kind {
        case .unavailable, .raced, .full, .overloaded, .queueFull: true
        case .refused, .readOnly, .corrupt, .newerSchema, .changedMigration, .closed, .conflict, .program: false
        }
    }

    package var description: String { message }
}
