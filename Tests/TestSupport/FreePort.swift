internal import Glibc
internal import Platform

/// A port of loopback that nobody has now, for a server that must be told one. Another process may take it in between,
/// which that server's start would say.
package func freePort() throws -> Int {
    let descriptor = FileDescriptor(
        owning: try Errno.check(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &address) { address in
        try address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            _ = try Errno.check(bind(descriptor.raw, address, length))
            _ = try Errno.check(getsockname(descriptor.raw, address, &length))
        }
    }
    return Int(UInt16(bigEndian: address.sin_port))
}
