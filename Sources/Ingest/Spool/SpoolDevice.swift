package import Platform

/// The few file operations that durability is made of, so that a test can put their order on record and take the power
/// away between any two. Names are relative to the spool's folder.
package protocol SpoolDevice: Sendable {
    /// Nil where it is not there and `creating` is false.
    func file(_ name: String, creating: Bool) throws(Errno) -> (any DeviceFile)?
    /// True when it was not there before.
    func makeFolder(_ name: String) throws(Errno) -> Bool
    /// Makes the names in it durable.
    func syncFolder(_ name: String) throws(Errno)
    func exists(_ name: String) -> Bool
    /// Another name for the same bytes.
    func link(_ name: String, to other: String) throws(Errno)
    /// Replaces what `other` names, at once: a crash leaves the old file there, or the new one.
    func rename(_ name: String, to other: String) throws(Errno)
    func remove(_ name: String) throws(Errno)
    func list(_ folder: String) throws(Errno) -> [String]
    func space() throws(Errno) -> DiskSpace?
    /// For reading by others, with sendfile and the like.
    func descriptor(_ name: String) throws(Errno) -> FileDescriptor?
}

package protocol DeviceFile: Sendable {
    func write(_ bytes: [UInt8], at offset: Int64) throws(Errno)
    func read(upTo count: Int, at offset: Int64) throws(Errno) -> [UInt8]
    func syncData() throws(Errno)
    func truncate(to size: Int64) throws(Errno)
    func size() throws(Errno) -> Int64
}
