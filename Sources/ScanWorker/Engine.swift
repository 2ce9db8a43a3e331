import CClamAV
import Glibc
import Platform
import ScanBridge

struct EngineFailure: Error {
    let message: String
}

/// libclamav with a database, compiled. The program has one thread; an engine is made once in it, and each forked child has its
/// own copy of everything.
final class Engine {
    /// CVE-2025-20260 needs files from 1024 MB and scans from 1025 MB: neither is ever allowed. Larger files go in windows.
    static let largestFile = 512 << 20
    static let largestScan = 1 << 30

    let handle: OpaquePointer
    let info: EngineInfo

    /// `folder` is a private one, which may be removed afterwards.
    init(database: String?, folder: String) throws(EngineFailure) {
        cl_set_clcb_msg(heardFromEngine)
        try Self.check(cl_init(UInt32(CL_INIT_DEFAULT)), "cl_init")
        guard let handle = cl_engine_new() else { throw EngineFailure(message: "no memory for an engine") }
        self.handle = handle
        try Self.limit(handle)
        try Self.check(cl_engine_set_str(handle, CL_ENGINE_TMPDIR, folder), "setting the scratch folder")
        cl_engine_set_clcb_file_inspection(handle, inspectedLayer)
        cl_engine_set_clcb_pre_cache(handle, typedLayer)
        cl_engine_set_clcb_meta(handle, sawEntry)
        cl_engine_set_clcb_virus_found(handle, sawVirus)

        let names = LoadedNames()
        cl_engine_set_clcb_sigload(handle, loadedSignature, Unmanaged.passUnretained(names).toOpaque())
        var count: UInt32 = 0
        try withExtendedLifetime(names) { () throws(EngineFailure) in
            try Self.loadText(FileTypes.base, as: "base.ftm", in: folder, handle, &count)
            if let database { try Self.load(database, handle, &count) }
            try Self.loadText(EICAR.row, as: "eicar.ndb", in: folder, handle, &count)
            try Self.loadText(FileTypes.unread, as: "unread.ftm", in: folder, handle, &count)
        }
        cl_engine_set_clcb_sigload(handle, nil, nil)
        try Self.check(cl_engine_compile(handle), "compiling the database")

        let version = cl_engine_get_num(handle, CL_ENGINE_DB_VERSION, nil)
        let built = cl_engine_get_num(handle, CL_ENGINE_DB_TIME, nil)
        info = EngineInfo(
            engine: String(cString: cl_retver()),
            database: names.others == 0 ? "test" : (version > 0 ? "\(version)" : "custom"), signatures: Int(count),
            level: Int(cl_retflevel()), builtAt: built > 0 ? Int64(built) : nil)
    }

    /// Where this process's scans put what they unpack.
    func use(folder: String, deadline: Duration) throws(EngineFailure) {
        try Self.check(cl_engine_set_str(handle, CL_ENGINE_TMPDIR, folder), "setting the scratch folder")
        let milliseconds = Int64(deadline / .milliseconds(1))
        try Self.check(cl_engine_set_num(handle, CL_ENGINE_MAX_SCANTIME, milliseconds), "setting the deadline")
    }

    private static func limit(_ handle: OpaquePointer) throws(EngineFailure) {
        let numbers: [(cl_engine_field, Int64)] = [
            (CL_ENGINE_MAX_FILESIZE, Int64(largestFile)),
            (CL_ENGINE_MAX_SCANSIZE, Int64(largestScan)),
            // The cache goes by MD5: a file could be made to be taken for a clean one.
            (CL_ENGINE_DISABLE_CACHE, 1),
            // A compiler that writes executable memory has no place in the jail.
            (CL_ENGINE_BYTECODE_MODE, Int64(CL_BYTECODE_MODE_INTERPRETER.rawValue)),
            (CL_ENGINE_BYTECODE_SECURITY, Int64(CL_BYTECODE_TRUST_SIGNED.rawValue)),
        ]
        for (field, value) in numbers {
            try check(cl_engine_set_num(handle, field, value), "setting limit \(field.rawValue)")
        }
    }

    private static func loadText(
        _ text: String, as name: String, in folder: String, _ handle: OpaquePointer, _ count: inout UInt32
    ) throws(EngineFailure) {
        let path = folder + "/" + name
        do {
            let file = try FileDescriptor.creating(path)
            try file.append(Array(text.utf8))
        } catch {
            throw EngineFailure(message: "cannot write \(path): \(error)")
        }
        defer { unlink(path) }
        try load(path, handle, &count)
    }

    private static func load(_ path: String, _ handle: OpaquePointer, _ count: inout UInt32) throws(EngineFailure) {
        guard access(path, R_OK) == 0 else {
            throw EngineFailure(message: "the database \(path) cannot be read: \(Errno(code: errno))")
        }
        try check(cl_load(path, handle, &count, sluice_cl_standard_database()), "loading \(path)")
    }

    private static func check(_ code: cl_error_t, _ what: String) throws(EngineFailure) {
        guard code != CL_SUCCESS else { return }
        let heard = EngineMessages.shared.take().last.map { " (\($0))" } ?? ""
        throw EngineFailure(message: "\(what): \(String(cString: cl_strerror(code)))\(heard)")
    }
}

/// Counts what is not the test signature: with none, the database is a test one.
private final class LoadedNames {
    var others = 0
}

private let loadedSignature: clcb_sigload = { _, name, _, context in
    guard let name, let context else { return 0 }
    if strcasestr(name, "eicar") == nil {
        Unmanaged<LoadedNames>.fromOpaque(context).takeUnretainedValue().others += 1
    }
    return 0
}
