import Platform
import Storage

/// What the `AWS_*` chain of credentials looks at. Never printed.
package struct AmbientCredentials: Sendable, CustomStringConvertible {
    let environment: [String: String]

    init(_ environment: [String: String]) {
        self.environment = environment.filter { $0.key.hasPrefix("AWS_") || $0.key == "HOME" }
    }

    package var description: String { "<redacted>" }
}

/// How any bucket is spoken to; which one is another matter.
struct StoreConnection: Sendable {
    var endpoint: String?
    var region: String?
    var style: S3Configuration.Style?
    var certificates: String?

    func configuration(bucket: String, prefix: String) -> S3Configuration {
        S3Configuration(
            bucket: bucket, prefix: prefix, endpoint: endpoint, region: region, style: style,
            certificates: certificates)
    }
}

extension SettingsReader {
    /// Nil for the folder of this machine.
    mutating func store(_ key: String) -> StoreName? {
        guard let text = text(key), text != "file" else { return nil }
        guard let name = StoreName(text), case .bucket = name.place else {
            fault(key, why: "must be file, or of the form s3://bucket or s3://bucket/prefix.")
            return nil
        }
        return name
    }

    mutating func storeConnection() -> StoreConnection {
        StoreConnection(
            endpoint: url("SLUICE_S3_ENDPOINT"), region: region("SLUICE_S3_REGION"), style: style("SLUICE_S3_STYLE"),
            certificates: certificates("SLUICE_S3_CA_FILE"))
    }

    private mutating func region(_ key: String) -> String? {
        guard let text = text(key) else { return nil }
        let isName = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "-")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        }
        if isName { return text }
        fault(key, why: "must be a region's name, such as eu-central-1, or auto.")
        return nil
    }

    private mutating func style(_ key: String) -> S3Configuration.Style? {
        guard let text = text(key) else { return nil }
        if let style = S3Configuration.Style(rawValue: text) { return style }
        fault(key, why: "must be path or virtual.")
        return nil
    }

    private mutating func certificates(_ key: String) -> String? {
        guard let path = text(key) else { return nil }
        do throws(Errno) {
            let text = String(decoding: try Files.readWhole(path, limit: 4 << 20), as: UTF8.self)
            if text.contains("-----BEGIN CERTIFICATE-----") { return path }
            fault(key, why: "holds no certificate in PEM form.", remedy: "name the CA's certificate, in PEM form")
        } catch {
            fault(key, why: "it cannot be read: \(error).", remedy: "correct the path, or unset it")
        }
        return nil
    }
}
