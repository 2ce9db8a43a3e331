import CClamAV
import Platform
import ScanBridge

/// Files whose verdict is known. An engine that misjudges one of them judges nothing.
enum Canaries {
    /// Inside the jail, with `folder` writable; nil if all is well, else what is not.
    static func trouble(with engine: Engine, in folder: String) -> String? {
        for (name, bytes) in infected {
            guard let bytes else { return "the canary \(name) could not be made" }
            guard finds(bytes, engine) else { return "the test virus is not found in \(name)" }
        }
        // The whole way of a file, through a descriptor.
        guard case .infected? = verdict(on: EICAR.inTaggedMP3, engine, folder) else {
            return "a file with the test virus is not called infected"
        }
        switch verdict(on: noise, engine, folder) {
        case .clean?: return nil
        case let other?: return "a harmless file is called \(other.name): \(other.reason ?? "")"
        case nil: return "a canary could not be written to \(folder)"
        }
    }

    /// Unpacking goes through a temporary file: without folder, room or descriptors it is not found.
    static func findsDeflated(_ engine: Engine) -> Bool {
        EICAR.inDeflatedZIP.map { finds($0, engine) } ?? false
    }

    private static let infected: [(String, [UInt8]?)] =
        [
            ("its plain form", EICAR.bytes), ("an MP3 with ID3 tags", EICAR.inTaggedMP3),
            ("a deflated ZIP", EICAR.inDeflatedZIP),
        ] + FileTypes.ignoredMagics.map { ("a file of type \($0.name)", EICAR.behind(unhex($0.magic))) }

    private static func finds(_ bytes: [UInt8], _ engine: Engine) -> Bool {
        let pass = bytes.withUnsafeBytes { engine.scan($0) }
        return pass.code == CL_VIRUS && pass.viruses.contains { !$0.hasPrefix("Heuristics.") }
    }

    private static func verdict(on bytes: [UInt8], _ engine: Engine, _ folder: String) -> Verdict? {
        do throws(Errno) {
            let path = folder + "/canary"
            let file = try FileDescriptor.creating(path)
            try file.write(bytes, at: 0)
            var scan = FileScan(engine)
            let verdict = scan.verdict(on: file, size: Int64(bytes.count))
            try Files.remove(path)
            return verdict
        } catch {
            return nil
        }
    }

    private static let noise: [UInt8] = {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        return (0..<300_000).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }()

    private static func unhex(_ text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
