package import Core
import Crypto
package import Platform

/// Where the bytes of uploads are kept until they are published. Its interface knows uploads and offsets, no paths:
/// one day the extents may lie in a store instead of on this disk. Every call blocks and belongs on the upload's lane.
package protocol Spool: Sendable {
    /// Nil where there is none and `creating` is false. One that is made is on the disk, name and all, once its first
    /// record is.
    func open(_ upload: UploadID, creating: Bool) throws(SpoolFailure) -> (any SpooledBytes)?
    /// What was not there is no failure.
    func remove(_ upload: UploadID) throws(SpoolFailure)
    func uploads() throws(SpoolFailure) -> [UploadID]
    /// Nil where it is unknown: the disk itself then refuses what does not fit.
    func space() throws(SpoolFailure) -> DiskSpace?
    /// From now on the bytes of sealed uploads, in their order, are another's too, whatever becomes of the parts: durably,
    /// and by reference alone. Their length.
    func join(_ parts: [UploadID], as upload: UploadID) throws(SpoolFailure) -> Int64
    /// Nil for an upload that was not joined, or of empty parts alone.
    func joined(_ upload: UploadID) -> JoinedBytes?
    /// The upload has all of them as its own.
    func forgetParts(of upload: UploadID) throws(SpoolFailure)
    /// The bytes of a sealed upload, for those who read them from now on.
    func sealed(_ upload: UploadID) throws(SpoolFailure) -> SealedFile
}

extension Spool {
    /// A whole file that was elsewhere until now, for those who want to read it as any other; twice is once.
    func keep(_ upload: UploadID, _ bytes: [UInt8]) throws(SpoolFailure) {
        guard let file = try open(upload, creating: true), file.journal.sealed == nil else { return }
        let all = 0..<Int64(bytes.count)
        try file.write(bytes, at: 0)
        try file.record([
            JournalRecord(.extent(completesAlone: false), all), JournalRecord(.sealed(sha256: SHA256.hash(bytes)), all),
        ])
    }
}

/// The bytes of one upload and what is true of them. Calls of one upload come one after another.
package protocol SpooledBytes: Sendable {
    /// What the journal said when it was opened.
    var journal: Journal { get }
    /// Not durable yet, and not counted.
    func write(_ bytes: [UInt8], at offset: Int64) throws(SpoolFailure)
    func read(upTo count: Int, at offset: Int64) throws(SpoolFailure) -> [UInt8]
    /// Makes everything written durable, then `records`. When it returns, both may be acknowledged.
    func record(_ records: [JournalRecord]) throws(SpoolFailure)
}

/// A whole upload, open for reading; closes with its last holder.
package final class SealedFile: Sendable {
    package let descriptor: FileDescriptor
    package let size: Int64
    package let sha256: [UInt8]

    package init(descriptor: consuming FileDescriptor, size: Int64, sha256: [UInt8]) {
        self.descriptor = descriptor
        self.size = size
        self.sha256 = sha256
    }
}
