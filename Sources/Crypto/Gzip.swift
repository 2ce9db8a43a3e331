internal import CZlib

/// RFC 1952, for playlists and pages that are asked for so.
package enum Gzip {
    /// Nil only when memory is out, or for more than 4 GiB.
    package static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        guard bytes.count <= UInt32.max else { return nil }
        // Window bits above 15 ask zlib for gzip's head and trailer instead of its own.
        guard
            deflateInit2_(
                &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        let bound = min(Int(deflateBound(&stream, UInt(bytes.count))), Int(UInt32.max))
        var code = Z_OK
        let out = [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            bytes.withUnsafeBufferPointer { source in
                // zlib only reads there; its header predates const.
                stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                stream.avail_in = UInt32(source.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(bound)
                code = deflate(&stream, Z_FINISH)
            }
            count = bound - Int(stream.avail_out)
        }
        return code == Z_STREAM_END ? out : nil
    }
}
