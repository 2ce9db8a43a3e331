import Storage

/// How people name what lies in a store: `s3://bucket/key` or `file:key`. One that ends in a slash, or names nothing below
/// its store, is a folder.
package struct StoreName: Sendable, Equatable, CustomStringConvertible {
    package enum Place: Sendable, Hashable {
        case bucket(String)
        /// Below the data folder of this machine.
        case file
    }

    package let place: Place
    /// Without slashes at its ends; empty for all there is.
    package let path: String
    package let isFolder: Bool

    /// Nil for what has neither form, or holds what is no key.
    package init?(_ text: String) {
        let rest: Substring
        if text.hasPrefix("s3://") {
            let name = text.dropFirst(5)
            let bucket = name.prefix { $0 != "/" }
            guard (1...255).contains(bucket.utf8.count), bucket.utf8.allSatisfy(Self.isBucketByte), bucket != ".",
                bucket != ".."
            else { return nil }
            place = .bucket(String(bucket))
            rest = name.dropFirst(bucket.count + 1)
        } else if text.hasPrefix("file:") {
            place = .file
            rest = text.dropFirst(5)
        } else {
            return nil
        }
        let path = rest.hasSuffix("/") ? rest.dropLast() : rest
        guard path.isEmpty || BlobKey(path) != nil else { return nil }
        self.path = String(path)
        isFolder = path.isEmpty || rest.hasSuffix("/")
    }

    package init(_ place: Place, _ path: String, isFolder: Bool) {
        self.place = place
        self.path = path
        self.isFolder = isFolder
    }

    package var description: String {
        let end = isFolder && !path.isEmpty ? "/" : ""
        return switch place {
        case .bucket(let bucket): "s3://\(bucket)/\(path)\(end)"
        case .file: "file:\(path)\(end)"
        }
    }

    private static func isBucketByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
