//! Where canaries are planted: a row for each place and coding.
//!
//! Always: beside each secret stands something harmless that the record must show, or the record itself,
//! so that nothing passes by not being recorded.
//! Not here: how rows are read (`live_tests::canary::plan`).

use live_tests::canary::plan::{Only, Place, Wrap};

const ASKED: &str = "/http/request/body/content";
const ANSWERED: &str = "/http/response/body/content";
const AGENT: &str = "/user_agent/original";
const QUERY: &str = "/url/query";
const PATH: &str = "/url/path";

/// A place in a request without content.
const fn field(name: &'static str, ask: &'static str) -> Place {
    Place { name, ask, ..Place::PLAIN }
}

/// A place in the target.
const fn target(name: &'static str, target: &'static str) -> Place {
    Place { name, target, ..Place::PLAIN }
}

/// A place in the content of the request, of which this must be shown.
const fn asked(name: &'static str, ask: &'static str, shows: &'static [(&str, &str)]) -> Place {
    Place { name, ask, shows, ..Place::PLAIN }
}

/// A place in the response.
const fn answered(name: &'static str, answer: &'static str) -> Place {
    Place { name, answer, ..Place::PLAIN }
}

/// Every place.
pub const PLACES: &[Place] = &[
    // === fields of requests that carry credentials ===
    field("authorization bearer", "authorization: Bearer @word@"),
    field("authorization jwt", "Authorization: Bearer @jwt@"),
    field("authorization basic", "authorization: Basic @basic@"),
    field("authorization bare", "authorization: @word@"),
    field(
        "authorization digest",
        "authorization: Digest username=\"alice\", realm=\"x\", nonce=\"@hex@\", uri=\"/\", response=\"@hex@\"",
    ),
    field(
        "authorization aws",
        "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature=@hex@",
    ),
    field("proxy-authorization", "Proxy-Authorization: Basic @basic@"),
    field("cookie", "cookie: session=@word@; theme=dark; jwt=@jwt@; percent=@percent:password@"),
    field("x-api-key", "X-API-Key: @word@"),
    field("x-auth-token", "x-auth-token: @jwt@"),
    field("x-vault-token", "x-vault-token: @word@"),
    field("x-amz-security-token", "x-amz-security-token: @word@"),
    // === fields that nobody knows, or that are not kept ===
    field("unknown field", "x-unheard-of: @word@"),
    field("unknown field with a name", "x-acme-client-secret: @password@"),
    field("unknown field in base64", "x-acme-blob: @base64:word@"),
    field("referer", "referer: https://example.org/callback?code=@word@&access_token=@word@"),
    field("sec-websocket-protocol", "sec-websocket-protocol: chat, @word@"),
    field(
        "x-forwarded-client-cert",
        "x-forwarded-client-cert: By=x;Cert=\"@word@\";Subject=\"CN=a\"",
    ),
    // === fields that are kept ===
    Place {
        shows: &[("/http/request/header/x-request-id/0", "kept-17")],
        ..field(
            "user-agent credential",
            "x-request-id: kept-17\nuser-agent: probe/1 (Bearer @word@)",
        )
    },
    Place {
        shows: &[(AGENT, "probe/2")],
        ..field("x-request-id jwt", "user-agent: probe/2\nx-request-id: @jwt@")
    },
    field("user-agent named", "user-agent: probe token=@word@"),
    field("user-agent percent", "user-agent: probe @percent:jwt@"),
    field("origin user info", "origin: https://bob:@password@@example.org"),
    field("x-forwarded-for", "x-forwarded-for: 192.0.2.1, @card@"),
    field("forwarded", "forwarded: for=192.0.2.1;secret=@word@"),
    field("via", "via: 1.1 @github@"),
    field("x-correlation-id base64", "x-correlation-id: @base64:card@"),
    field("x-correlation-id key", "x-correlation-id: @stripe@"),
    field("accept-language card", "accept-language: @spaced-card@"),
    field("content-type parameter", "content-type: text/plain; token=@word@"),
    field(
        "x-amzn-trace-id",
        "x-amzn-trace-id: Root=1-67891233-abcdef012345678912345678;Self=@jwt@",
    ),
    field("user-agent iban", "user-agent: pay/1 (@iban@)"),
    // === the target ===
    Place {
        only: Only::Http1,
        host: "bob:@password@@example.test",
        ..target("user info of the absolute form", "/file")
    },
    Place {
        only: Only::Http2,
        host: "bob:@password@@example.test",
        ..target("user info of :authority", "/file")
    },
    Place { shows: &[(PATH, "/next")], ..target("segment jwt", "/@jwt@/next") },
    Place {
        shows: &[(PATH, "/reset-password/")],
        ..target("segment named", "/reset-password/@word@")
    },
    target("segment key", "/keys/@github@"),
    target("segment card", "/cards/@card@/limits"),
    target("segment percent", "/files/@percent:jwt@"),
    target("segment email", "/users/@email@/posts"),
    target("segment iban", "/accounts/@iban@"),
    target("segment base64", "/blobs/@base64:jwt@"),
    target("segment parameter", "/app;jsessionid=@word@"),
    Place {
        shows: &[(QUERY, "page=17")],
        ..target("query named", "?page=17&access_token=@word@&sort=a")
    },
    Place {
        shows: &[(QUERY, "page=18")],
        ..target("query percent", "?page=18&password=@percent:password@")
    },
    Place { shows: &[(QUERY, "page=19")], ..target("query jwt", "?page=19&q=@jwt@") },
    target("query card", "?page=20&q=@card@"),
    target("query card percent", "?q=@percent:card@"),
    target("query card base64", "?q=@base64:card@"),
    target("query jwt base64", "?state=@base64:jwt@"),
    target("query random", "?q=@aws-key@"),
    target("query email", "?q=@email@"),
    target("query iban", "?q=@iban@"),
    target("query ssn", "?q=@ssn@"),
    target("query user info", "?next=https%3A%2F%2Fbob%3A@percent:password@%40example.org%2F"),
    target("query within", "?next=%2Fcb%3Fa%3D1%26access_token%3D@word@"),
    target("query name", "?@github@&b=1"),
    target(
        "query amz",
        "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=@hex@&X-Amz-Security-Token=@word@",
    ),
    // === forms ===
    asked(
        "form",
        "content-type: application/x-www-form-urlencoded\n\nname=kept-1&password=@password@&q=@card@&x=@percent:jwt@",
        &[(ASKED, "name=kept-1")],
    ),
    asked(
        "form of base64",
        "content-type: application/x-www-form-urlencoded\n\nnote=kept-2&blob=@base64:card@&user[token]=@word@&@github@=1",
        &[(ASKED, "note=kept-2")],
    ),
    // === JSON ===
    asked(
        "json by name",
        "content-type: application/json\n\n\
         {\"note\":\"kept-3\",\"user\":{\"profile\":[{\"deep\":{\"password\":\"@password@\",\"clientSecret\":\"@word@\"}}]}}",
        &[(ASKED, "kept-3")],
    ),
    asked(
        "json by value",
        "content-type: application/json\n\n{\"note\":\"kept-4\",\"a\":\"@card@\",\"b\":[\"@jwt@\",\"@aws-id@\"],\
         \"c\":\"see @email@\",\"d\":\"@iban@\",\"e\":\"SSN @ssn@\",\"f\":\"@spaced-card@\",\"g\":@card@}",
        &[(ASKED, "kept-4")],
    ),
    asked(
        "json keys",
        "content-type: application/json\n\n{\"note\":\"kept-5\",\"a\":\"@github@\",\"b\":\"@gitlab@\",\"c\":\"@stripe@\",\
         \"d\":\"@google@\",\"e\":\"@npm@\",\"f\":\"@slack@\",\"g\":\"@json:pem@\",\"@github@\":1,\
         \"aws_secret_access_key\":\"@aws-key@\"}",
        &[(ASKED, "kept-5")],
    ),
    asked(
        "json escapes",
        "content-type: application/json\n\n{\"note\":\"kept-6\",\"a\":\"@escaped:card@\",\"b\":\"@escaped:jwt@\",\
         \"pass\\u0077ord\":\"@password@\",\"c\":\"@escaped:email@\"}",
        &[(ASKED, "kept-6")],
    ),
    asked(
        "json base64",
        "content-type: application/json\n\n{\"note\":\"kept-7\",\"a\":\"@base64:card@\",\"b\":\"@base64:jwt@\",\
         \"c\":\"@base64:pem@\",\"d\":\"@percent:card@\",\"e\":\"@percent:github@\"}",
        &[(ASKED, "kept-7")],
    ),
    asked(
        "json in json",
        "content-type: application/json\n\n{\"note\":\"kept-8\",\"payload\":\"{\\\"password\\\":\\\"@password@\\\",\
         \\\"n\\\":\\\"@card@\\\"}\",\"url\":\"https://bob:@password@@example.org/x\",\"h\":\"Authorization: Bearer @word@\"}",
        &[(ASKED, "kept-8")],
    ),
    Place {
        answer: "content-type: application/json\n\n{\"note\":\"kept-9\",\"access_token\":\"@word@\",\"x\":[[[\"@jwt@\"]]]}",
        coding: "gzip",
        shows: &[(ASKED, "kept-9"), (ANSWERED, "kept-9")],
        ..asked(
            "json gzip",
            "content-type: application/json\n\n{\"note\":\"kept-9\",\"password\":\"@password@\",\"x\":\"@card@\"}",
            &[],
        )
    },
    Place {
        answer: "content-type: application/json\n\n{\"note\":\"kept-9\",\"access_token\":\"@word@\",\"x\":\"@escaped:jwt@\"}",
        coding: "br",
        shows: &[(ASKED, "kept-9"), (ANSWERED, "kept-9")],
        ..asked(
            "json br",
            "content-type: application/json\n\n{\"note\":\"kept-9\",\"pin\":\"@password@\"}",
            &[],
        )
    },
    Place {
        answer: "content-type: text/plain\n\nkept-9\napi_key = @word@\ncard @card@\n",
        coding: "deflate",
        shows: &[(ANSWERED, "kept-9")],
        ..asked("text deflate", "content-type: text/plain\n\nkept-9\n@pem@", &[])
    },
    asked(
        "graphql",
        "content-type: application/json\n\n{\"operationName\":\"kept10\",\"query\":\"mutation kept10 { login(password: \
         \\\"@password@\\\") { token } }\",\"variables\":{\"password\":\"@password@\",\"card\":\"@card@\"}}",
        &[(ASKED, "kept10")],
    ),
    asked(
        "json-rpc",
        "content-type: application/json\n\n{\"jsonrpc\":\"2.0\",\"method\":\"kept.11\",\"id\":1,\"params\":{\"secret\":\"@word@\",\
         \"c\":\"@card@\"}}",
        &[(ASKED, "kept.11")],
    ),
    asked(
        "json lines",
        "content-type: application/x-ndjson\n\n{\"note\":\"kept-12\"}\n{\"password\":\"@password@\"}\n{\"a\":\"@jwt@\"}\n",
        &[(ASKED, "kept-12")],
    ),
    // === multipart, XML, text ===
    asked(
        "multipart",
        "content-type: multipart/form-data; boundary=xXx\n\n--xXx\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\n\
         kept-13\r\n--xXx\r\ncontent-disposition: form-data; name=\"password\"\r\n\r\n@password@\r\n--xXx\r\n\
         content-disposition: form-data; name=\"comment\"\r\n\r\nmy card is @card@\r\n--xXx\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"@email@\"\r\ncontent-type: text/plain\r\n\r\n@pem@\r\n\
         --xXx\r\ncontent-disposition: form-data; name=\"blob\"\r\ncontent-type: application/octet-stream\r\n\r\n@word@\r\n\
         --xXx--\r\n",
        &[],
    ),
    asked(
        "xml",
        "content-type: application/xml\n\n<a><note>kept-14</note><password>@password@</password><b token=\"@word@\"/>\
         <c>@card@</c><d><![CDATA[@jwt@]]></d></a>",
        &[(ASKED, "kept-14")],
    ),
    asked(
        "soap",
        "content-type: application/soap+xml\n\n<s:Envelope xmlns:s=\"x\"><s:Header><n>kept-15</n><wsse:Password \
         Type=\"x\">@password@</wsse:Password></s:Header><s:Body><pan>@card@</pan></s:Body></s:Envelope>",
        &[(ASKED, "kept-15")],
    ),
    asked(
        "text",
        "content-type: text/plain\n\nkept-16 words\npassword: @password@\nexport API_KEY=@word@\ncall +1 and @email@\n\
         Authorization: Bearer @word@\n@pem@\nurl https://bob:@password@@example.org/ end\ncard @spaced-card@ \
         and @card@, key @aws-id@ @github@\n",
        &[(ASKED, "kept-16 words")],
    ),
    asked(
        "html",
        "content-type: text/html\n\n<p>kept-17</p><input type=\"hidden\" name=\"csrf_token\" value=\"@word@\"><p>@card@</p>",
        &[(ASKED, "kept-17")],
    ),
    asked(
        "yaml",
        "content-type: application/yaml\n\nnote: kept-18\npassword: @password@\nnested:\n  api_key: \"@word@\"\n  n: @card@\n",
        &[(ASKED, "kept-18")],
    ),
    // === what nobody understands: no content at all ===
    asked("octets", "content-type: application/octet-stream\n\nsome @word@ and @jwt@", &[]),
    asked("unknown media type", "content-type: application/x-acme\n\nsome @word@ and @card@", &[]),
    asked("no media type", "\n\npassword=@password@&a=@word@", &[]),
    asked("lying json", "content-type: application/json\n\nnot json: @word@ @card@", &[]),
    asked(
        "torn json",
        "content-type: application/json\n\n{\"password\":\"@password@\",\"a\":\"@jwt@",
        &[],
    ),
    // === responses ===
    answered("set-cookie", "set-cookie: session=@word@; HttpOnly\nset-cookie: b=@jwt@"),
    answered(
        "location",
        "location: https://example.org/callback?code=@word@&access_token=@word@#id_token=@jwt@",
    ),
    answered(
        "www-authenticate",
        "www-authenticate: Digest realm=\"x\", nonce=\"@hex@\", opaque=\"@hex@\"",
    ),
    answered("authentication-info", "authentication-info: nextnonce=\"@hex@\""),
    answered("x-csrf-token", "x-csrf-token: @word@"),
    answered("etag", "etag: \"@word@\""),
    Place {
        shows: &[("/http/response/header/x-powered-by/0", "kept-19")],
        ..answered("server", "x-powered-by: kept-19\nserver: acme/1 (@github@)")
    },
    answered("unknown field of the response", "x-unheard-of: @word@"),
    Place { only: Only::Http1, reason: "OK token=@word@ @card@", ..answered("reason", "") },
    Place {
        shows: &[(ANSWERED, "kept-20")],
        ..answered(
            "json of the response",
            "content-type: application/json\n\n{\"note\":\"kept-20\",\"id_token\":\"@jwt@\",\"data\":{\"cards\":[{\"n\":\"@card@\"}],\
             \"iban\":\"@iban@\",\"refresh_token\":\"@word@\"}}",
        )
    },
    Place {
        shows: &[(ANSWERED, "kept-21")],
        ..answered(
            "xml of the response",
            "content-type: text/xml\n\n<r><note>kept-21</note><SessionToken>@word@</SessionToken><v>@jwt@</v></r>",
        )
    },
    answered(
        "events",
        "content-type: text/event-stream\n\nevent: kept-22\ndata: {\"note\":\"kept-22\",\"password\":\"@password@\"}\n\n\
         data: {\"a\":\"@card@\"}\n\ndata: plain @jwt@\nid: @github@\n\n",
    ),
    // === trailers ===
    Place {
        trailers: "x-checksum: @word@\nset-cookie: a=@word@\nx-request-id: @jwt@",
        answer: "content-type: text/plain\n\nkept-23",
        shows: &[(ASKED, "kept-23"), (ANSWERED, "kept-23")],
        ..asked("trailers", "content-type: text/plain\n\nkept-23", &[])
    },
    // === gRPC, WebSocket ===
    Place {
        only: Only::Http2,
        wrap: Wrap::Grpc,
        target: "/kept.Service/Method24",
        answer: "content-type: application/grpc\n\nanswer @word@",
        trailers: "grpc-status: 7\ngrpc-message: denied%20@jwt@\nx-detail-bin: @base64:word@",
        ..asked(
            "grpc",
            "content-type: application/grpc\nte: trailers\nauthorization: Bearer @word@\nx-meta: @word@\n\
             x-meta-bin: @base64:jwt@\n\npassword @password@ @card@",
            &[],
        )
    },
    Place {
        only: Only::Http1,
        wrap: Wrap::WebSocket,
        answer: "\n\n{\"note\":\"kept-25\",\"token\":\"@word@\",\"c\":\"@card@\"}",
        ..asked("websocket json", "\n\n{\"note\":\"kept-25\",\"password\":\"@password@\"}", &[])
    },
    Place {
        only: Only::Http1,
        wrap: Wrap::WebSocket,
        answer: "\n\nkept-26 login with Bearer @word@",
        ..asked("websocket text", "\n\nkept-26 password=@password@ card @card@", &[])
    },
];
