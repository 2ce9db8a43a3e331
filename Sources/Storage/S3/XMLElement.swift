internal import CExpat

/// One element of a small document: its name without a namespace, its text, its children. Documents with a DTD are refused,
/// so no entity of a stranger's making is ever expanded; depth, count and size are bounded.
final class XMLElement {
    let name: String
    fileprivate(set) var text = ""
    fileprivate(set) var children: [XMLElement] = []

    fileprivate init(_ name: String) { self.name = name }

    /// The text of the first child of that name.
    subscript(_ name: String) -> String? { children.first { $0.name == name }?.text }

    func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

    /// The first of that name, this one or anywhere below.
    func find(_ name: String) -> XMLElement? {
        if self.name == name { return self }
        for child in children {
            if let found = child.find(name) { return found }
        }
        return nil
    }

    /// A thousand keys of the greatest length make two megabytes.
    static let sizeLimit = 8 << 20
    fileprivate static let depthLimit = 16
    fileprivate static let countLimit = 50_000

    /// Nil for what is no such document.
    static func parse(_ bytes: [UInt8]) -> XMLElement? {
        // Stores send white space before it while they work, which XML forbids.
        let bytes = bytes.first.map { $0 <= 0x20 } == true ? Array(bytes.drop { $0 <= 0x20 }) : bytes
        guard !bytes.isEmpty, bytes.count <= sizeLimit, let parser = XML_ParserCreate("UTF-8") else { return nil }
        defer { XML_ParserFree(parser) }
        let building = XMLBuilding(parser)
        return withExtendedLifetime(building) {
            XML_SetUserData(parser, Unmanaged.passUnretained(building).toOpaque())
            XML_SetElementHandler(parser, XMLBuilding.onStart, XMLBuilding.onEnd)
            XML_SetCharacterDataHandler(parser, XMLBuilding.onText)
            XML_SetStartDoctypeDeclHandler(parser, XMLBuilding.onDoctype)
            let status = bytes.withUnsafeBufferPointer { buffer in
                buffer.withMemoryRebound(to: CChar.self) { XML_Parse(parser, $0.baseAddress, Int32($0.count), 1) }
            }
            return status == XML_STATUS_OK ? building.root : nil
        }
    }

    /// Text as it may stand in an element that we write.
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "\r": out += "&#13;"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}

/// What a parse has so far. It lives for one call, on one thread.
private final class XMLBuilding {
    private(set) var root: XMLElement?
    private var open: [XMLElement] = []
    private var count = 0
    private let parser: XML_Parser

    init(_ parser: XML_Parser) { self.parser = parser }

    private static func from(_ context: UnsafeMutableRawPointer?) -> XMLBuilding? {
        context.map { Unmanaged<XMLBuilding>.fromOpaque($0).takeUnretainedValue() }
    }

    static let onStart: XML_StartElementHandler = { context, name, _ in
        guard let name else { return }
        from(context)?.start(String(cString: name))
    }

    // One more may come after a stop, for an empty element.
    static let onEnd: XML_EndElementHandler = { context, _ in _ = from(context)?.open.popLast() }

    static let onText: XML_CharacterDataHandler = { context, bytes, count in
        guard let bytes else { return }
        let buffer = UnsafeRawBufferPointer(start: bytes, count: Int(count))
        from(context)?.open.last?.text += String(decoding: buffer, as: UTF8.self)
    }

    static let onDoctype: XML_StartDoctypeDeclHandler = { context, _, _, _, _ in from(context)?.stop() }

    private func start(_ name: String) {
        count += 1
        guard open.count < XMLElement.depthLimit, count <= XMLElement.countLimit else { return stop() }
        let element = XMLElement(name.split(separator: ":").last.map(String.init) ?? name)
        if let parent = open.last { parent.children.append(element) } else { root = element }
        open.append(element)
    }

    private func stop() { XML_StopParser(parser, 0) }
}
