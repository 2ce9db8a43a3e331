import Crypto
package import Platform

/// A secret that was made once and is kept in a file only its owner reads: 64 hexadecimal digits, used as that text.
package enum SecretFile {
    package static func readOrMake(folder: String, name: String) throws(Errno) -> String {
        try readOrMake(folder: folder, name: name, isAgain: false)
    }

    private static func readOrMake(folder: String, name: String, isAgain: Bool) throws(Errno) -> String {
        let path = folder + "/" + name
        if let text = try read(path) { return text }
        try Files.makeFolder(folder)
        do throws(Errno) {
            try Files.createAtomically(Array((Hex.encode(Random.bytes(32)) + "\n").utf8), at: path)
        } catch {
            // A service started and cleaned up.
            if error == .noSuchFile, !isAgain { return try readOrMake(folder: folder, name: name, isAgain: true) }
            // Another process was first: its secret is the one.
            guard error == .exists else { throw error }
        }
        guard let text = try read(path) else { throw Errno.invalid.at("read", path) }
        return text
    }

    /// Nil where there is none.
    private static func read(_ path: String) throws(Errno) -> String? {
        guard Files.exists(path) else { return nil }
        let text = String(decoding: try Files.readWhole(path, limit: 4096), as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).first.map { String($0) }
    }
}
