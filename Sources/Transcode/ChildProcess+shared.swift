import Platform

extension ChildProcess {
    /// Our ends of the pipes as values that may be kept in optionals and asked for their number.
    func sharedInput() -> SharedDescriptor? {
        guard let descriptor = takeInput() else { return nil }
        return SharedDescriptor(descriptor)
    }

    func sharedOutput() -> SharedDescriptor? {
        guard let descriptor = takeOutput() else { return nil }
        return SharedDescriptor(descriptor)
    }
}

/// Plain calls that keep the noncopyable descriptor out of larger functions.
extension SharedDescriptor {
    /// How many bytes were taken now; `.gone` when nobody reads any more.
    func take(_ bytes: [UInt8], from start: Int) throws(Errno) -> Taken {
        do throws(Errno) {
            return .bytes(try descriptor.writeAvailable(bytes, from: start) ?? 0)
        } catch {
            guard error == .brokenPipe else { throw error }
            return .gone
        }
    }

    func give(upTo count: Int) throws(Errno) -> Available { try descriptor.readAvailable(upTo: count) }
}

enum Taken {
    case bytes(Int)
    case gone
}
