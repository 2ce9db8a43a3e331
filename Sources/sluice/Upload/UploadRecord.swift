import Core
import Crypto
import Glibc
import Platform

/// What is remembered of one file's upload to one server until it is done, so that the same command goes on after an
/// interruption of either side: a small file in the user's state folder, locked while its upload runs.
final class UploadRecord: Sendable {
    struct Content: Equatable {
        /// Names the creation, so that a creation whose answer was lost makes no second upload.
        var key: String
        var id: String?
        var chunkSize: Int64?
    }

    private let path: String
    private let file: SharedDescriptor
    private let stamp: String
    /// What an earlier run left; nil where there was none, or the file is another since.
    let earlier: Content?
    /// An upload of the file as it was before it changed.
    let outdated: String?

    /// Throws where another process sends the same file to the same server.
    init?(of name: String, stamp: FileStamp, server: String) throws {
        guard let folder = Self.folder, let whole = try? Files.realPath(name) else { return nil }
        path = "\(folder)/\(Hex.encode(SHA256.hash(server + "\n" + whole)).prefix(32))"
        self.stamp = "\(stamp.inode)-\(stamp.size)-\(stamp.changed)"
        // Without a place for the record the upload still goes, only not on after an interruption.
        guard (try? Files.makeFolder(folder)) != nil else { return nil }
        guard let locked = try Files.lock(path) else {
            throw Complaint(
                "cannot send \(name)", why: "another sluice is sending it already",
                remedy: "wait for that one, or stop it", code: "INVALID_REQUEST")
        }
        // A record that cannot be read or understood is as good as none.
        let json = (try? locked.read(upTo: 4096, at: 0)).flatMap { try? JSON.parse($0) } ?? .null
        file = SharedDescriptor(locked)
        let id = json["id"]?.string
        if let key = json["key"]?.string, json["stamp"]?.string == self.stamp {
            (earlier, outdated) = (Content(key: key, id: id, chunkSize: json["chunkSize"]?.integer), nil)
        } else {
            (earlier, outdated) = (nil, id)
        }
    }

    func write(_ content: Content, of name: String) throws(Errno) {
        let json: JSON = [
            "stamp": .string(stamp), "key": .string(content.key), "id": .optional(content.id),
            "chunkSize": .optional(content.chunkSize), "file": .string(name),
        ]
        try file.descriptor.truncate(to: 0)
        try file.descriptor.write(json.bytes, at: 0)
    }

    /// The upload is done, or can never be.
    func remove() {
        // A record that stays is found to be of a finished upload by the next run.
        _ = try? Files.remove(path)
    }

    /// XDG Base Directory Specification: state that should persist, but is not worth a backup.
    private static var folder: String? {
        let environment = Sluice.environment
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/sluice/uploads" }
        return environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/.local/state/sluice/uploads" : nil }
    }
}
