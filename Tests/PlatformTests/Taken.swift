import Platform

struct NothingThere: Error {}

/// `#require` for what cannot be copied.
func taken(_ descriptor: consuming FileDescriptor?) throws -> FileDescriptor {
    guard let descriptor else { throw NothingThere() }
    return descriptor
}

/// All up to the end, from a descriptor that does not wait; an end that does not come is an error.
func readToEnd(_ file: borrowing FileDescriptor) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var set = PollSet()
    set.add(file.raw, .read)
    while true {
        switch try file.readAvailable(upTo: 65_536) {
        case .bytes(let some): bytes += some
        case .end: return bytes
        case .wouldBlock:
            if try set.wait(until: .after(.seconds(30))).isEmpty { throw Errno.timedOut }
        }
    }
}

/// True if `body` throws just this.
func fails<E: Error & Equatable>(with expected: E, _ body: () throws -> Void) throws -> Bool {
    do {
        try body()
        return false
    } catch let error as E where error == expected {
        return true
    }
}
