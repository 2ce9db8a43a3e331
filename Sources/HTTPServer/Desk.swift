import Core
import Glibc

/// What a reactor's connections share, because only one of them runs at a time: the buffer that requests are read into,
/// the parser, the date line. Touched on the reactor's thread alone.
final class Desk {
    let service: Service
    /// Milliseconds, as the reactor counts.
    let idleTimeout: Int64
    let headTimeout: Int64
    let stallTimeout: Int64
    /// Large enough for the largest head, so that one call reads one.
    let buffer: UnsafeMutableRawBufferPointer
    var parser: HeadParser
    /// By descriptor: who is to be told that the server drains.
    var connections: [Connection?] = []
    private var dateBytes: [UInt8] = []
    private var dateSecond: Int64 = -1
    private var requestNumber = UInt64.random(in: .min ... .max)

    init(_ service: Service) {
        self.service = service
        idleTimeout = service.configuration.idleTimeout.milliseconds
        headTimeout = service.configuration.headTimeout.milliseconds
        stallTimeout = service.configuration.stallTimeout.milliseconds
        buffer = .allocate(byteCount: max(65_536, service.configuration.maximumHead + 4096), alignment: 64)
        parser = HeadParser(service.configuration)
    }

    deinit { buffer.deallocate() }

    /// `Date: …` and the blank line. Made once a second of the reactor's clock, in milliseconds.
    func date(_ now: Int64) -> [UInt8] {
        if now / 1000 != dateSecond {
            dateSecond = now / 1000
            dateBytes = Array("Date: \(SystemTime().now.httpDate)\r\n\r\n".utf8)
        }
        return dateBytes
    }

    /// An id that repeats nowhere; it need not be secret, so no system call is spent on it.
    func makeRequestID() -> RequestID {
        requestNumber &+= 0x9E37_79B9_7F4A_7C15
        var word = requestNumber
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        word ^= word >> 31
        var text: [UInt8] = []
        for _ in 0..<11 {
            text.append(Self.alphabet[Int(word % 62)])
            word /= 62
        }
        return RequestID(checked: String(decoding: text, as: UTF8.self))
    }

    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    func remember(_ connection: Connection, _ descriptor: Int32) {
        while connections.count <= Int(descriptor) { connections.append(nil) }
        connections[Int(descriptor)] = connection
    }

    func forget(_ descriptor: Int32) { connections[Int(descriptor)] = nil }
}
