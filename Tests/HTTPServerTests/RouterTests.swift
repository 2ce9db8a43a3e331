import Core
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A router` {
    private func make() -> Router {
        var router = Router()
        router.on(.get, "/v1/uploads/{upload}") { .text(200, try $0.parameter("upload", UploadID.self).text) }
        router.on(.delete, "/v1/uploads/{upload}") { _ in Response(status: 204) }
        router.on(.post, "/v1/uploads/simple") { _ in .text(200, "simple") }
        router.on(.put, "/v1/uploads/{upload}/chunks/{index}") {
            .text(
                200,
                "\(try $0.parameter("upload", String.self)) \(try $0.parameter("index", Int.self)) \($0.route ?? "")")
        }
        router.on(.get, "/files/{path*}") { .text(200, try $0.parameter("path", String.self)) }
        return router
    }

    private func ask(_ method: Method, _ target: String) async -> Response {
        await make().respond(to: Request(method, target))
    }

    private func text(_ response: Response) -> String {
        if case .bytes(let bytes) = response.body { String(decoding: bytes, as: UTF8.self) } else { "" }
    }

    @Test func `hands over the pieces of the path, decoded`() async {
        #expect(text(await ask(.get, "/v1/uploads/up_1?x=y")) == "up_1")
        #expect(text(await ask(.put, "/v1/uploads/a%20b/chunks/7")) == "a b 7 /v1/uploads/{upload}/chunks/{index}")
        #expect(text(await ask(.get, "/files/a/b%2Fc/d")) == "a/b/c/d")
    }

    @Test func `answers 404 to what is no route and to pieces of the wrong form`() async {
        for target in [
            "/", "/v1", "/v1/uploads/", "/v1/uploads/a/chunks", "/v1/uploads/a%2Fb", "/v1/uploads/a/", "/V1/uploads/a",
        ] {
            #expect(await ask(.get, target).status == 404, "\(target)")
        }
        for index in ["x", "01", "+1", ""] {
            #expect(await ask(.put, "/v1/uploads/a/chunks/\(index)").status == 404, "\(index)")
        }
    }

    @Test func `answers 405 with what is allowed`() async {
        let response = await ask(.post, "/v1/uploads/up_1")
        #expect(response.status == 405)
        #expect(response["allow"] == "DELETE, GET, HEAD, OPTIONS")
        #expect(await ask(.other("TRACE"), "/v1/uploads/up_1").status == 405)
    }

    @Test func `takes a literal piece before a parameter, and goes back when it leads nowhere`() async {
        #expect(text(await ask(.post, "/v1/uploads/simple")) == "simple")
        #expect(text(await ask(.put, "/v1/uploads/simple/chunks/1")).hasPrefix("simple 1"))
    }

    @Test func `answers HEAD by GET and OPTIONS by itself`() async {
        #expect(await ask(.head, "/v1/uploads/up_1").status == 200)
        let options = await ask(.options, "/v1/uploads/up_1")
        #expect(options.status == 204)
        #expect(options["Allow"] == "DELETE, GET, HEAD, OPTIONS")
    }

    @Test func `names the route of a path for metrics`() {
        #expect(make().match("/v1/uploads/x/chunks/1")?.pattern == "/v1/uploads/{upload}/chunks/{index}")
        #expect(make().match("/nowhere")?.pattern == nil)
    }

    @Test func `a query keeps the first of a name`() {
        let query = Query("a=1&a=2&b=x+y%21&c&=z&d=%")
        #expect(query["a"] == "1")
        #expect(query["b"] == "x y!")
        #expect(query["c"] == "")
        #expect(query["d"] == "%")
        #expect(query["e"] == nil)
    }

    @Test func `a refusal becomes the envelope with its fields`() async {
        var router = Router()
        router.on(.get, "/") { _ in throw Refusal(.rateLimited, "Say \"slowly\".", fields: [("Retry-After", "3")]) }
        let response = await router.respond(to: Request(.get, "/", fields: [("X-Request-Id", "abc")]))
        #expect(response.status == 429)
        #expect(response["retry-after"] == "3")
        #expect(text(response).contains("\"message\":\"Say \\\"slowly\\\".\""))
        #expect(text(response).contains("\"requestId\":\"abc\""))
    }
}
