package import Core
import Platform

/// Beside the files that it will have, a joined upload has a second name of each part's bytes: `<id>.part0` and on. That
/// copies nothing, whatever their size, and the bytes live on when the parts are removed.
extension DiskSpool {
    package func join(_ parts: [UploadID], as upload: UploadID) throws(SpoolFailure) -> Int64 {
        let name = SpoolName(upload)
        var (length, count): (Int64, Int) = (0, 0)
        do {
            _ = try device.makeFolder(name.folder)
            for part in parts {
                // What a crash took from its file comes back from its journal as it is opened.
                guard let sealed = try open(part, creating: false)?.journal.sealed else {
                    throw SpoolFailure(.missing, "the part \(part) is not sealed")
                }
                // An empty part has no file and adds nothing.
                if sealed.length > 0 { try link(part, to: name.part(count)) }
                count += sealed.length > 0 ? 1 : 0
                length += sealed.length
            }
            if durability == .full { try syncNames(name)() }
            return length
        } catch let errno as Errno {
            throw SpoolFailure(errno.isOutOfSpace ? .full : .unreadable, "the parts were not joined: \(errno.reason)")
        } catch let failure as SpoolFailure {
            throw failure
        } catch {
            throw SpoolFailure(.unreadable, "the parts were not joined")
        }
    }

    private func link(_ part: UploadID, to name: String) throws(Errno) {
        // One of an attempt that a crash cut off.
        try device.remove(name)
        try device.link(SpoolName(part).data, to: name)
        // Few bytes may be durable in the part's journal alone, which this upload will not have.
        if durability == .full { try device.file(name, creating: false)?.syncData() }
    }

    package func joined(_ upload: UploadID) -> JoinedBytes? {
        let name = SpoolName(upload)
        return device.exists(name.part(0)) ? JoinedBytes(name, device) : nil
    }

    package func forgetParts(of upload: UploadID) throws(SpoolFailure) {
        do { try removeParts(SpoolName(upload)) } catch {
            throw SpoolFailure(.unreadable, "the upload's parts were not removed: \(error)")
        }
    }

    /// The last first, so that what a crash leaves is found by its first.
    func removeParts(_ name: SpoolName) throws(Errno) {
        var count = 0
        while device.exists(name.part(count)) { count += 1 }
        for index in (0..<count).reversed() { try device.remove(name.part(index)) }
    }
}

/// The bytes of a joined upload from its first to its last. Of its parts one at a time is open.
package struct JoinedBytes: Sendable {
    private let name: SpoolName
    private let device: any SpoolDevice
    private var index = 0
    private var offset: Int64 = 0
    private var file: (any DeviceFile)?

    init(_ name: SpoolName, _ device: any SpoolDevice) {
        self.name = name
        self.device = device
    }

    /// Empty at the end. Blocks.
    package mutating func read(upTo count: Int) throws(SpoolFailure) -> [UInt8] {
        do {
            while true {
                if file == nil { file = try device.file(name.part(index), creating: false) }
                guard let file else { return [] }
                let bytes = try file.read(upTo: count, at: offset)
                offset += Int64(bytes.count)
                if !bytes.isEmpty { return bytes }
                (self.file, offset) = (nil, 0)
                index += 1
            }
        } catch {
            throw SpoolFailure(.unreadable, "the bytes of the upload cannot be read: \(error)")
        }
    }
}
