package import Platform

/// A file that is open for delivery: its descriptor, size, entity tag and the fields of its responses, with the head of the
/// plain 200 already written. It never changes, and the descriptor closes with its last owner, so one that is dropped from
/// a cache still serves whoever is sending it.
package final class OpenFile: Sendable {
    package let size: Int64
    /// A strong entity tag, with its quotes.
    package let tag: String
    /// All fields of a 200 but those that the server adds: content type, caching, CORS.
    package let fields: [(String, String)]
    package let descriptor: FileDescriptor
    /// Status line and fields of the plain 200, without the date and the blank line.
    let head: [UInt8]
    /// The whole file, where it is small enough that one copy beats a second system call.
    let contents: [UInt8]?

    /// Up to here a file is kept in memory with its head.
    package static let smallLimit: Int64 = 32_768

    /// - Parameter tag: without one, made of inode, size and time of change.
    package init(
        _ descriptor: consuming FileDescriptor, contentType: String, tag: String? = nil,
        fields: [(String, String)] = [],
        keepsSmall: Bool = true
    ) throws(Errno) {
        let size = try descriptor.size()
        let made = try Self.tag(of: descriptor)
        let tag = tag ?? made
        let all = [("Content-Type", contentType)] + fields
        self.size = size
        self.tag = tag
        self.fields = all
        head = ResponseHead.prefix(
            status: 200, fields: all + [("ETag", tag), ("Accept-Ranges", "bytes"), ("Content-Length", String(size))])
        if keepsSmall && size <= Self.smallLimit {
            let bytes = try descriptor.read(upTo: Int(size), at: 0)
            contents = bytes.count == Int(size) ? bytes : nil
        } else {
            contents = nil
        }
        self.descriptor = descriptor
    }

    /// Opens and looks: this may wait for the disk, so it is called on a lane.
    package static func open(
        _ path: String, contentType: String, tag: String? = nil, fields: [(String, String)] = []
    ) throws(Errno) -> OpenFile {
        try OpenFile(.reading(path), contentType: contentType, tag: tag, fields: fields)
    }

    private static func tag(of descriptor: borrowing FileDescriptor) throws(Errno) -> String {
        let identity = try descriptor.identity()
        return "\"\(String(identity.inode, radix: 16))-\(String(try descriptor.size(), radix: 16))\""
    }
}
