package import Platform

/// A folder of this machine as a spool's device.
package struct FolderDevice: SpoolDevice {
    private let folder: String

    package init(folder: String) throws(Errno) {
        self.folder = folder
        try Files.makeFolder(folder, mode: 0o700)
    }

    private func path(_ name: String) -> String { name.isEmpty ? folder : "\(folder)/\(name)" }

    package func file(_ name: String, creating: Bool) throws(Errno) -> (any DeviceFile)? {
        // Only a file that is there is opened: opening must not make one.
        guard creating || Files.exists(path(name)) else { return nil }
        return FolderFile(try FileDescriptor.readingAndWriting(path(name)))
    }

    package func makeFolder(_ name: String) throws(Errno) -> Bool {
        if Files.exists(path(name)) { return false }
        try Files.makeFolder(path(name), mode: 0o700)
        return true
    }

    package func syncFolder(_ name: String) throws(Errno) {
        try Files.syncFolder(path(name))
    }

    package func exists(_ name: String) -> Bool { Files.exists(path(name)) }

    package func link(_ name: String, to other: String) throws(Errno) {
        try Files.link(path(name), to: path(other))
    }

    package func rename(_ name: String, to other: String) throws(Errno) {
        try Files.move(path(name), to: path(other))
    }

    package func remove(_ name: String) throws(Errno) {
        try Files.remove(path(name))
    }

    package func list(_ name: String) throws(Errno) -> [String] {
        try Files.list(path(name))
    }

    package func space() throws(Errno) -> DiskSpace? { try Files.freeSpace(folder) }

    package func descriptor(_ name: String) throws(Errno) -> FileDescriptor? {
        guard Files.exists(path(name)) else { return nil }
        return try FileDescriptor.reading(path(name))
    }
}

private final class FolderFile: DeviceFile {
    private let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    func write(_ bytes: [UInt8], at offset: Int64) throws(Errno) {
        try descriptor.write(bytes, at: offset)
        // The disk begins now with what a later sync would wait for.
        if bytes.count >= 1 << 16 { descriptor.startWriteback(offset..<offset + Int64(bytes.count)) }
    }

    func read(upTo count: Int, at offset: Int64) throws(Errno) -> [UInt8] {
        try descriptor.read(upTo: count, at: offset)
    }
    func syncData() throws(Errno) { try descriptor.syncData() }
    func truncate(to size: Int64) throws(Errno) { try descriptor.truncate(to: size) }
    func size() throws(Errno) -> Int64 { try descriptor.size() }
}
