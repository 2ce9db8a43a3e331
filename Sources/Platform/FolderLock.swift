internal import Glibc

/// One process at a time works in a folder. The lock is the kernel's and ends with its holder, however that ends; the file
/// says who holds it, for the sentence that the second one prints.
package struct FolderLock: ~Copyable, Sendable {
    private let file: FileDescriptor

    /// `since` is the start time as a person reads it.
    package static func take(_ folder: String, since: String) throws(FolderLockFailure) -> FolderLock {
        let path = folder + "/lock"
        do throws(Errno) {
            if let file = try Files.lock(path) {
                try file.truncate(to: 0)
                try file.write(Array("pid \(getpid()), since \(since)".utf8), at: 0)
                return FolderLock(file: file)
            }
        } catch {
            throw .system(error)
        }
        throw .held(by: holder(path))
    }

    private init(file: consuming FileDescriptor) { self.file = file }

    private static func holder(_ path: String) -> String {
        do throws(Errno) {
            let text = String(decoding: try Files.readWhole(path, limit: 256), as: UTF8.self)
            return text.isEmpty ? "another process" : text  // it holds the lock and has not written yet
        } catch {
            return "another process"
        }
    }
}

package enum FolderLockFailure: Error, Equatable, CustomStringConvertible {
    /// "pid 4711, since 10:02"
    case held(by: String)
    case system(Errno)

    package var description: String {
        switch self {
        case .held(let holder): "held by \(holder)"
        case .system(let errno): errno.description
        }
    }
}
