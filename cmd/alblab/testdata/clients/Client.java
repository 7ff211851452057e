import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSession;
import javax.net.ssl.TrustManagerFactory;

/**
 * Calls the lab with java.net.http.HttpClient and says what each call saw, one line a case, fields apart by tabs: name, "ok",
 * HTTP version, TLS version, suite, status, server, body; or name, "error", the chain of exceptions. Each argument is a case:
 * fields NAME=VALUE apart by tabs (name, url, ca, cert, key, http, protocols, suites, requests).
 */
public class Client {
    public static void main(String[] args) throws Exception {
        // TLS 1.0 and 1.1 are switched off in java.security; the cases that need them say so by their protocols.
        Security.setProperty("jdk.tls.disabledAlgorithms", "SSLv3, NULL, anon");
        for (String arg : args) {
            Map<String, String> c = new HashMap<>();
            for (String field : arg.split("\t")) {
                String[] pair = field.split("=", 2);
                c.put(pair[0], pair[1]);
            }
            String result;
            try {
                result = call(c);
            } catch (Exception e) {
                StringBuilder words = new StringBuilder("error\t");
                for (Throwable t = e; t != null; t = t.getCause()) {
                    words.append(t.getClass().getName()).append(": ").append(t.getMessage()).append("; ");
                }
                result = words.toString();
            }
            System.out.println(c.get("name") + "\t" + result);
        }
    }

    private static String call(Map<String, String> c) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys(c), trust(c.get("ca")).getTrustManagers(), null);
        SSLParameters parameters = context.getDefaultSSLParameters(); // with its versions, or HTTP/2 is not tried
        if (c.containsKey("protocols")) {
            parameters.setProtocols(c.get("protocols").split(","));
        }
        if (c.containsKey("suites")) {
            parameters.setCipherSuites(c.get("suites").split(","));
        }
        HttpClient client = HttpClient.newBuilder()
                .sslContext(context)
                .sslParameters(parameters)
                .connectTimeout(Duration.ofSeconds(20))
                .version(c.get("http").equals("2") ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1)
                .build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(c.get("url"))).timeout(Duration.ofSeconds(20)).build();
        HttpResponse<String> response = null;
        for (int i = Integer.parseInt(c.getOrDefault("requests", "1")); i > 0; i--) {
            response = client.send(request, HttpResponse.BodyHandlers.ofString());
        }
        SSLSession session = response.sslSession().get();
        return String.join("\t", "ok", response.version().toString(), session.getProtocol(), session.getCipherSuite(),
                Integer.toString(response.statusCode()), response.headers().firstValue("server").orElse("-"),
                response.body().replaceAll("\\s", " "));
    }

    private static TrustManagerFactory trust(String path) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        int i = 0;
        for (Certificate root : certificates(path)) {
            store.setCertificateEntry("root" + i++, root);
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory;
    }

    /** The client certificate and key of a case, or null. */
    private static KeyManager[] keys(Map<String, String> c) throws Exception {
        if (!c.containsKey("cert")) {
            return null;
        }
        List<Certificate> chain = certificates(c.get("cert"));
        String pem = Files.readString(Path.of(c.get("key"))).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
        String algorithm = ((X509Certificate) chain.get(0)).getPublicKey().getAlgorithm();
        PrivateKey key = KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setKeyEntry("client", key, new char[0], chain.toArray(new Certificate[0]));
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(store, new char[0]);
        return factory.getKeyManagers();
    }

    private static List<Certificate> certificates(String path) throws Exception {
        try (InputStream in = new FileInputStream(path)) {
            return new ArrayList<>(CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(in.readAllBytes())));
        }
    }
}
