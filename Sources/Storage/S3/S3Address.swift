/// Where a bucket's requests go: scheme, host and the path before the key. Pure.
struct S3Address: Sendable, Equatable {
    let scheme: String
    let host: String
    /// Empty, or beginning with a slash and not ending with one.
    let base: String

    init(_ configuration: S3Configuration, region: String) throws(BlobFailure) {
        let bucket = configuration.bucket
        guard (1...255).contains(bucket.utf8.count), bucket.utf8.allSatisfy({ Self.isBucketByte($0) }), bucket != ".",
            bucket != ".."
        else { throw BlobFailure(.refused, "\"\(bucket)\" is no bucket's name.") }
        guard let endpoint = configuration.endpoint else {
            // A dot in the name would be one too many for the certificate.
            let isName = Self.isHostLabel(bucket)
            let isVirtual = configuration.style == .virtual || configuration.style == nil && isName
            let service = "s3.\(region).\(Self.domain(of: region))"
            (scheme, host, base) = (
                "https", isVirtual ? "\(bucket).\(service)" : service, isVirtual ? "" : "/\(bucket)"
            )
            return
        }
        guard let (scheme, host, path) = Self.split(endpoint) else {
            throw BlobFailure(.refused, "The store's endpoint \"\(endpoint)\" is no http or https URL.")
        }
        self.scheme = scheme
        if configuration.style == .virtual {
            (self.host, base) = ("\(bucket).\(host)", path)
        } else {
            (self.host, base) = (host, "\(path)/\(bucket)")
        }
    }

    /// Where a region's services live.
    static func domain(of region: String) -> String { region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com" }

    private static func split(_ endpoint: String) -> (scheme: String, host: String, path: String)? {
        for (scheme, port) in [("https", ":443"), ("http", ":80")] where endpoint.hasPrefix("\(scheme)://") {
            let rest = endpoint.dropFirst(scheme.count + 3)
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            var host = rest[..<slash].lowercased()
            // A client says no port that its scheme implies, and what is signed is what is said.
            if host.hasSuffix(port) { host.removeLast(port.count) }
            var path = String(rest[slash...])
            while path.hasSuffix("/") { path.removeLast() }
            let isHost = !host.isEmpty && host.utf8.allSatisfy { isBucketByte($0) || "[]:".utf8.contains($0) }
            return isHost && !path.contains("?") && !path.contains("#") ? (scheme, host, path) : nil
        }
        return nil
    }

    /// Buckets of old, and of other stores, may hold capitals and underscores.
    private static func isBucketByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isHostLabel(_ bucket: String) -> Bool {
        (3...63).contains(bucket.utf8.count) && !bucket.hasPrefix("-") && !bucket.hasSuffix("-")
            && bucket.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
            }
    }
}
