import Core
import Ingest
import Platform

/// Everything embedded lies below one folder of which one process at a time is master.
struct DataFolder: Sendable {
    let path: String

    /// Absolute: children that change their folder are told paths below it.
    init(_ path: String) throws(Errno) {
        self.path =
            path.hasPrefix("/")
            ? path : try Files.realPath(".") + "/" + (path.hasPrefix("./") ? String(path.dropFirst(2)) : path)
    }

    var spool: String { path + "/spool" }
    var blobs: String { path + "/blobs" }
    var cache: String { path + "/cache" }
    var secrets: String { path + "/secrets" }
    var scanScratch: String { path + "/tmp/scan" }
    var addresses: String { path + "/run/addresses.json" }
    private var staged: String { path + "/staging" }
    private var held: String { path + "/quarantine" }

    func prepare() throws(Errno) {
        for folder in [path, secrets, spool, blobs, held, path + "/tmp", path + "/run"] { try Files.makeFolder(folder) }
        for folder in [path, secrets, path + "/run"] { try Files.removeUnfinished(in: folder) }
        // What lies in staging belongs to encodes that no longer run.
        try Files.removeTree(staged)
        try Files.makeFolder(staged)
    }

    func staging(_ generation: GenerationID) throws(Errno) -> String {
        let folder = staged + "/" + generation.text
        try Files.makeFolder(folder)
        return folder
    }

    /// The held bytes get a second name here; the spool's goes once the ledger knows.
    func quarantine(_ file: SealedFile, _ upload: UploadID) throws(Errno) {
        let path = held + "/" + upload.text
        if Files.exists(path) { return }
        try Files.link(file.descriptor, to: path)
        try Files.syncFolder(held)
    }

    func heldFile(_ upload: UploadID) throws(Errno) -> SealedFile {
        let descriptor = try FileDescriptor.reading(held + "/" + upload.text)
        let size = try descriptor.size()
        return SealedFile(descriptor: descriptor, size: size, sha256: [])
    }

    func hasHeld(_ upload: UploadID) -> Bool { Files.exists(held + "/" + upload.text) }

    func heldSize(_ upload: UploadID) throws(Errno) -> Int64 { try Files.size(held + "/" + upload.text) ?? 0 }

    func heldNames() throws(Errno) -> [String] { Files.exists(held) ? try Files.list(held).sorted() : [] }

    /// Nothing there is no error: it may be asked twice.
    func dropHeld(_ upload: UploadID) throws(Errno) {
        if try Files.remove(held + "/" + upload.text) { try Files.syncFolder(held) }
    }

    /// Random, kept: a restart must not make another node of the same folder.
    func nodeID() throws -> NodeID {
        if let id = try existingNodeID() { return id }
        let id = NodeID.make()
        try Files.writeAtomically(Array(id.text.utf8), to: path + "/node")
        return id
    }

    /// Nil before the first start.
    func existingNodeID() throws -> NodeID? {
        let file = path + "/node"
        guard Files.exists(file) else { return nil }
        let text = String(decoding: try Files.readWhole(file, limit: 128), as: UTF8.self)
        return NodeID(text.filter { !$0.isNewline })
    }
}
