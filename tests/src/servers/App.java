// Java's own HTTPS server and client for the live tests. Its TLS is compiled while it runs.
//
// App.java serve PORT CERTIFICATES prints a JSON line for every exchange it has answered, all 200.
// App.java ask PORT CERTIFICATES NAME asks twice over one connection and prints a line for each.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

class App {
    static Certificate certificate(String path) throws Exception {
        try (InputStream file = new FileInputStream(path)) {
            return CertificateFactory.getInstance("X.509").generateCertificate(file);
        }
    }

    static SSLContext context(String folder) throws Exception {
        String text = Files.readString(Path.of(folder, "server.key"));
        byte[] key = Base64.getMimeDecoder().decode(text.replaceAll("-----.*?-----", ""));
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setCertificateEntry("ca", certificate(folder + "/ca.pem"));
        store.setKeyEntry("server", KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(key)),
            new char[0], new Certificate[] {certificate(folder + "/server.pem")});
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store, new char[0]);
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    static void tell(String method, String target, int status, int port, int size) {
        System.out.printf("{\"method\":\"%s\",\"target\":\"%s\",\"status\":%d,\"port\":%d,\"body_bytes\":%d}%n",
            method, target, status, port, size);
    }

    static void answer(HttpExchange exchange) throws IOException {
        byte[] content = "some text\n".getBytes(StandardCharsets.US_ASCII);
        exchange.getRequestBody().readAllBytes();
        exchange.sendResponseHeaders(200, content.length);
        tell(exchange.getRequestMethod(), exchange.getRequestURI().toString(), 200,
            exchange.getRemoteAddress().getPort(), content.length);
        exchange.getResponseBody().write(content);
        exchange.close();
    }

    static void serve(int port, String folder) throws Exception {
        HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context(folder)));
        server.createContext("/", App::answer);
        server.start();
    }

    static void ask(int port, String folder, String name) throws Exception {
        try (Socket plain = new Socket("127.0.0.1", port);
                SSLSocket socket = (SSLSocket) context(folder).getSocketFactory().createSocket(plain, name, port, true)) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setServerNames(List.of(new SNIHostName(name)));
            socket.setSSLParameters(parameters);
            for (String target : List.of("/length/5", "/length/7")) {
                String request = "GET " + target + " HTTP/1.1\r\nHost: " + name + "\r\n\r\n";
                socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
                String head = "";
                while (!head.endsWith("\r\n\r\n")) head += (char) socket.getInputStream().read();
                int size = Integer.parseInt(target.substring(8));
                socket.getInputStream().readNBytes(size);
                tell("GET", target, Integer.parseInt(head.split(" ")[1]), plain.getLocalPort(), size);
            }
        }
    }

    public static void main(String[] words) throws Exception {
        int port = Integer.parseInt(words[1]);
        if (words[0].equals("serve")) serve(port, words[2]);
        else ask(port, words[2], words[3]);
    }
}
