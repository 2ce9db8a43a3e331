import CClamAV

/// What the engine came across on its way through one file and its layers, beside signatures.
final class Layers {
    var viruses: [String] = []
    /// Layers whose type the engine leaves unread.
    var ignored = 0
    /// Layers cut at the largest size: what lay behind was not seen.
    var truncated = 0
    var encrypted = 0
    /// What the outermost file is, in libclamav's words.
    private(set) var outermost: String?
    /// RAR is unpacked by a library that most builds lack, so nothing in it is ever proven.
    var rar = 0

    fileprivate func saw(type name: UnsafePointer<CChar>?) {
        guard let name else { return }
        let type = String(cString: name)
        if outermost == nil { outermost = type }
        switch type {
        case "CL_TYPE_IGNORED": ignored += 1
        case "CL_TYPE_RAR", "CL_TYPE_RARSFX": rar += 1
        default: break
        }
    }

    /// In sound, four bytes that chance put there pass for the header of an archive, and what follows them for its sizes and
    /// flags. What really is an archive there, `RawSearch` says.
    /// The engine takes some FLAC files for UTF-16.
    var isPlain: Bool {
        guard let outermost else { return false }
        return ["CL_TYPE_BINARY_DATA", "CL_TYPE_RIFF"].contains(outermost) || outermost.hasPrefix("CL_TYPE_TEXT_")
    }
}

private func layers(_ context: UnsafeMutableRawPointer?) -> Layers? {
    context.map { Unmanaged<Layers>.fromOpaque($0).takeUnretainedValue() }
}

let inspectedLayer: clcb_file_inspection = { _, type, _, _, _, size, _, depth, _, context in
    guard let layers = layers(context) else { return CL_CLEAN }
    layers.saw(type: type)
    if depth > 0 && size >= Engine.largestFile { layers.truncated += 1 }
    return CL_CLEAN
}

let typedLayer: clcb_pre_cache = { _, type, context in
    layers(context)?.saw(type: type)
    return CL_CLEAN
}

/// Called for every entry that an archive names, also for those that are then not unpacked.
let sawEntry: clcb_meta = { _, _, _, size, isEncrypted, _, context in
    guard let layers = layers(context), !layers.isPlain else { return CL_CLEAN }
    if size >= Engine.largestFile { layers.truncated += 1 }
    if isEncrypted != 0 { layers.encrypted += 1 }
    return CL_CLEAN
}

let sawVirus: clcb_virus_found = { _, name, context in
    guard let layers = layers(context), let name else { return }
    let text = String(cString: name)
    if layers.viruses.count < 16 && !layers.viruses.contains(text) { layers.viruses.append(text) }
}
