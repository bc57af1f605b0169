package org.diffusion4j.examples.serve;

import com.fasterxml.jackson.jr.ob.JSON;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;

/** A service, and what its clients do. */
final class TestService implements AutoCloseable {

  static final String GENERATE = "/api/generate";
  static final List<String> CLASSES = List.of("round", "square");
  static final int SIZE = 8;

  private final PictureServer server;
  private final HttpClient client = HttpClient.newHttpClient();

  TestService(PictureServer.Settings settings, PictureModel... models) throws IOException {
    server = PictureServer.start(settings, List.of(models), List.of("ddim", "dpm++2m"));
  }

  TestService(PictureModel... models) throws IOException {
    this(settings(64, Duration.ofSeconds(20), Duration.ofSeconds(5)), models);
  }

  static PictureServer.Settings settings(int waiting, Duration patience, Duration grace) {
    return new PictureServer.Settings(0, waiting, 16, Duration.ofMillis(2), patience, grace);
  }

  /** A network that has learned nothing, of two classes. */
  static PretrainedModel untrained() {
    UNetConfig config =
        UNetConfig.builder(1, SIZE, SIZE)
            .blockOutChannels(4, 8)
            .normGroups(2)
            .classes(CLASSES.size())
            .nullClass(true)
            .build();
    return PretrainedModel.of(UNet.create(config, NoiseSchedule.linear(1000), 42));
  }

  static PictureModel ofClasses(String name, PretrainedModel model, List<String> classes) {
    return PictureModel.ofClasses(name, model, classes, TestService::sampler);
  }

  static Sampler sampler(String name, SchedulerConfig config, int steps) {
    return Samplers.named(name, steps, Samplers.correction(config));
  }

  int port() {
    return server.port();
  }

  HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return client.send(HttpRequest.newBuilder(uri(path)).build(), BodyHandlers.ofString());
  }

  HttpResponse<byte[]> post(String path, String body, String... headers)
      throws IOException, InterruptedException {
    return client.send(request(path, body, headers), BodyHandlers.ofByteArray());
  }

  HttpRequest request(String path, String body, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri(path))
            .timeout(Duration.ofMinutes(2))
            .setHeader("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(body));
    for (int i = 0; i < headers.length; i += 2) {
      request.setHeader(headers[i], headers[i + 1]);
    }
    return request.build();
  }

  HttpClient client() {
    return client;
  }

  private URI uri(String path) {
    return URI.create(server.url()).resolve(path);
  }

  /** A connection on which a request was sent, and nothing read. */
  Socket open(String path, String body, String... headers) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port()));
    StringBuilder head = new StringBuilder("POST " + path + " HTTP/1.1\r\n");
    head.append("Content-Type: application/json\r\n");
    if (!Arrays.asList(headers).contains("Host")) {
      head.append("Host: 127.0.0.1:").append(port()).append("\r\n");
    }
    for (int i = 0; i < headers.length; i += 2) {
      head.append(headers[i]).append(": ").append(headers[i + 1]).append("\r\n");
    }
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    head.append("Content-Length: ").append(bytes.length).append("\r\n\r\n");
    socket.getOutputStream().write(head.toString().getBytes(StandardCharsets.UTF_8));
    socket.getOutputStream().write(bytes);
    return socket;
  }

  static Map<String, Object> object(byte[] json) throws IOException {
    return JSON.std.mapFrom(json);
  }

  static String sentence(HttpResponse<byte[]> refusal) throws IOException {
    return String.valueOf(object(refusal.body()).get("error"));
  }

  /** The pictures of an answer, or of the last event of one. */
  static List<BufferedImage> pictures(byte[] answer) throws IOException {
    String text = new String(answer, StandardCharsets.UTF_8);
    int done = text.indexOf("event: done\ndata: ");
    String json = done < 0 ? text : text.substring(done + "event: done\ndata: ".length());
    return list(JSON.std.mapFrom(json).get("pictures")).stream()
        .map(picture -> decoded(String.valueOf(((Map<?, ?>) picture).get("png"))))
        .toList();
  }

  static List<?> list(Object value) {
    return (List<?>) value;
  }

  static BufferedImage decoded(String base64) {
    return image(Base64.getDecoder().decode(base64));
  }

  static BufferedImage image(byte[] png) {
    try {
      return ImageIO.read(new ByteArrayInputStream(png));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static String base64(BufferedImage picture) {
    return Base64.getEncoder().encodeToString(Png.bytes(picture, ""));
  }

  /** All pixels, line by line. */
  static int[] pixels(BufferedImage picture) {
    int width = picture.getWidth();
    return picture.getRGB(0, 0, width, picture.getHeight(), null, 0, width);
  }

  @Override
  public void close() {
    server.close();
  }
}
