internal import Glibc

/// What the kernel said no with. Two are equal if their codes are, wherever they arose.
package struct Errno: Error, Hashable, Sendable, CustomStringConvertible {
    /// An object, so that an `Errno` stays as small as two words.
    private final class Place: Sendable {
        let operation: String
        let path: String

        init(_ operation: String, _ path: String) {
            self.operation = operation
            self.path = path
        }
    }

    package let code: Int32
    private let place: Place?

    package init(code: Int32) {
        self.code = code
        place = nil
    }

    private init(code: Int32, place: Place) {
        self.code = code
        self.place = place
    }

    /// The same, with what was tried and on which name; the first place stays.
    package func at(_ operation: String, _ path: String) -> Errno {
        place == nil ? Errno(code: code, place: Place(operation, path)) : self
    }

    /// What `body` throws gets this place.
    @discardableResult
    static func placed<T: ~Copyable>(
        _ operation: String, _ path: String, _ body: () throws(Errno) -> T
    ) throws(Errno) -> T {
        do throws(Errno) { return try body() } catch { throw error.at(operation, path) }
    }

    package static func == (left: Errno, right: Errno) -> Bool { left.code == right.code }
    package func hash(into hasher: inout Hasher) { hasher.combine(code) }

    package static let noSuchFile = Errno(code: ENOENT)
    package static let exists = Errno(code: EEXIST)
    package static let noSpace = Errno(code: ENOSPC)
    package static let wouldBlock = Errno(code: EAGAIN)
    package static let brokenPipe = Errno(code: EPIPE)
    package static let notSupported = Errno(code: EOPNOTSUPP)
    package static let invalid = Errno(code: EINVAL)
    package static let tooBig = Errno(code: EFBIG)
    package static let inputOutput = Errno(code: EIO)
    package static let crossDevice = Errno(code: EXDEV)
    package static let notPermitted = Errno(code: EPERM)
    package static let timedOut = Errno(code: ETIMEDOUT)
    package static let addressTaken = Errno(code: EADDRINUSE)
    package static let noSuchProcess = Errno(code: ESRCH)

    /// A full disk, a spent quota or a file beyond its limit: the room may come back, the bytes were not kept.
    package var isOutOfSpace: Bool { [ENOSPC, EDQUOT, EFBIG].contains(code) }

    /// What the same call may well do on another try.
    package var isPassing: Bool {
        [EAGAIN, EINTR, ENOMEM, EMFILE, ENFILE, ENOSPC, EDQUOT, EIO, EBUSY, ETIMEDOUT].contains(code)
    }

    /// `open /data/lock: Permission denied`.
    package var description: String { place.map { "\($0.operation) \($0.path): \(reason)" } ?? reason }

    /// `Permission denied`.
    package var reason: String {
        // Thread-safe since glibc 2.32: known codes are constants, and the buffer of the others is the thread's own.
        String(cString: strerror(code))
    }

    @discardableResult
    package static func check(_ result: Int32) throws(Errno) -> Int32 {
        guard result >= 0 else { throw Errno(code: errno) }
        return result
    }

    @discardableResult
    package static func check(_ result: Int) throws(Errno) -> Int {
        guard result >= 0 else { throw Errno(code: errno) }
        return result
    }

    /// Calls again for as long as a signal comes between.
    @discardableResult
    static func retrying(_ call: () -> Int) throws(Errno) -> Int {
        while true {
            let result = call()
            if result >= 0 { return result }
            let code = errno
            if code != EINTR { throw Errno(code: code) }
        }
    }

    /// For the calls of the posix_ family, which return the error instead of setting it.
    static func checkReturned(_ code: Int32) throws(Errno) {
        guard code == 0 else { throw Errno(code: code) }
    }
}
