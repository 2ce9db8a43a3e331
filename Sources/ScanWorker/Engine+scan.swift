import CClamAV
import ScanBridge

/// What one call of the engine came to.
struct Pass {
    var code: cl_error_t
    var viruses: [String]
    var messages: [String]
    var layers: Layers
    var bytesScanned: Int64
}

extension Engine {
    func scan(descriptor: Int32) -> Pass {
        pass { virus, scanned, options, context in
            cl_scandesc_callback(descriptor, nil, &virus, &scanned, handle, &options, context)
        }
    }

    /// As a file of its own, whatever is around it.
    func scan(_ bytes: UnsafeRawBufferPointer) -> Pass {
        guard let map = cl_fmap_open_memory(bytes.baseAddress, bytes.count) else {
            return Pass(code: CL_EMEM, viruses: [], messages: [], layers: Layers(), bytesScanned: 0)
        }
        defer { cl_fmap_close(map) }
        return pass { virus, scanned, options, context in
            cl_scanmap_callback(map, nil, &virus, &scanned, handle, &options, context)
        }
    }

    private func pass(
        _ call: (
            inout UnsafePointer<CChar>?, inout UInt, inout cl_scan_options, UnsafeMutableRawPointer
        ) -> cl_error_t
    ) -> Pass {
        var options = cl_scan_options()
        options.general = UInt32(CL_SCAN_GENERAL_HEURISTICS)
        options.parse = ~0
        options.heuristic = UInt32(
            CL_SCAN_HEURISTIC_EXCEEDS_MAX | CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE | CL_SCAN_HEURISTIC_ENCRYPTED_DOC)
        var virus: UnsafePointer<CChar>?
        var scanned: UInt = 0
        let layers = Layers()
        _ = EngineMessages.shared.take()
        let code = withExtendedLifetime(layers) {
            call(&virus, &scanned, &options, Unmanaged.passUnretained(layers).toOpaque())
        }
        var names = layers.viruses
        if code == CL_VIRUS, let virus, !names.contains(String(cString: virus)) { names.append(String(cString: virus)) }
        // See `isPlain`. The engine goes on after this finding, so what else there is has been found.
        let isChance = layers.isPlain && !names.isEmpty && names.allSatisfy { $0.hasPrefix("Heuristics.Encrypted.") }
        return Pass(
            code: isChance ? CL_CLEAN : code, viruses: isChance ? [] : names, messages: EngineMessages.shared.take(),
            layers: layers,
            bytesScanned: Int64(scanned) * Int64(CL_COUNT_PRECISION))
    }
}
