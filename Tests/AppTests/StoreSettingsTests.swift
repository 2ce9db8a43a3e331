import App
import Core
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The settings of the store` {
    private func told(_ environment: [String: String]) -> (key: String, text: String)? {
        do {
            _ = try Settings.load(arguments: [], environment: environment)
            return nil
        } catch {
            return (error.faults.map(\.key).joined(separator: ","), error.text)
        }
    }

    @Test func `name a bucket and what lies before every key`() throws {
        for (text, path) in [
            ("s3://music", ""), ("s3://music/", ""), ("s3://my.Mu_sic/a/b", "a/b"), ("s3://m/a/", "a"),
        ] {
            let settings = try Settings.load(arguments: ["--store", text], environment: [:])
            #expect(settings.store?.path == path)
        }
        #expect(try Settings.load(arguments: [], environment: [:]).store == nil)
        #expect(try Settings.load(arguments: ["--store", "file"], environment: [:]).store == nil)
    }

    @Test(arguments: [
        "s3://", "s3:///a", "s3://a b", "s3://../x", "s3://a/../b", "s3://a//b", "S3://a", "https://a", "bucket",
        "file:x",
    ])
    func `refuse what names none`(text: String) throws {
        let fault = try #require(told(["SLUICE_STORE": text]))
        #expect(fault.key == "SLUICE_STORE")
        #expect(fault.text.contains("must be file, or of the form s3://bucket"))
    }

    @Test(arguments: [
        ("SLUICE_S3_ENDPOINT", "minio:9000", "http:// or https://"), ("SLUICE_S3_STYLE", "host", "path or virtual"),
        ("SLUICE_S3_REGION", "eu central", "a region's name"), ("SLUICE_S3_CA_FILE", "/nowhere.pem", "cannot be read"),
        ("SLUICE_S3_CA_FILE", "/etc/hostname", "no certificate"), ("SLUICE_CACHE_GB", "0", "whole number from 1"),
        ("SLUICE_CACHE_GB", "much", "whole number from 1"),
    ])
    func `are told wrong each by its name`(key: String, value: String, why: String) throws {
        let fault = try #require(told(["SLUICE_STORE": "s3://music", key: value]))
        #expect(fault.key == key && fault.text.contains(why), "\(fault)")
    }

    @Test func `take a region that is to be found out`() {
        #expect(told(["SLUICE_STORE": "s3://music", "SLUICE_S3_REGION": "auto"]) == nil)
    }

    @Test func `never print what signs requests`() throws {
        let settings = try Settings.load(
            arguments: ["--store", "s3://music"],
            environment: ["AWS_SECRET_ACCESS_KEY": "open-sesame", "AWS_SESSION_TOKEN": "open-barley"])
        #expect(!"\(settings)".contains("open-"))
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The name of something stored` {
    @Test func `says its place, its key, and whether it is a folder`() throws {
        let object = try #require(StoreName("s3://music/hls/a"))
        #expect(object.place == .bucket("music") && object.path == "hls/a" && !object.isFolder)
        #expect(try #require(StoreName("s3://music/hls/")).isFolder)
        #expect(try #require(StoreName("file:")).isFolder)
        #expect(try #require(StoreName("file:a/b")).place == .file)
        for text in ["s3://music/hls/a", "s3://music/hls/", "s3://music/", "file:a/b", "file:a/", "file:"] {
            #expect(StoreName(text)?.description == text)
        }
        for text in ["music/a", "./a", "file:../a", "file:/etc/passwd", "s3://music/a/../b"] {
            #expect(StoreName(text) == nil)
        }
    }
}
