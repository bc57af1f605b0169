package org.diffusion4j.examples.serve;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The page and what belongs to it, held in memory: no path of a request is looked up elsewhere. */
final class StaticFiles {

  /** A file. */
  static final class Content {
    private final String type;
    private final byte[] bytes;

    private Content(String type, byte[] bytes) {
      this.type = type;
      this.bytes = bytes;
    }

    static Content of(String type, String text) {
      return new Content(type, text.getBytes(StandardCharsets.UTF_8));
    }

    String type() {
      return type;
    }

    byte[] bytes() {
      return bytes;
    }
  }

  private final Map<String, Content> contents = new LinkedHashMap<>();

  StaticFiles() {
    add("/", "index.html", "text/html; charset=utf-8");
    add("/style.css", "style.css", "text/css; charset=utf-8");
    add("/app.js", "app.js", "text/javascript; charset=utf-8");
    add("/icon.svg", "icon.svg", "image/svg+xml");
    add("/openapi.json", "openapi.json", "application/json");
  }

  private void add(String path, String resource, String type) {
    try (InputStream in = StaticFiles.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IllegalStateException(resource + " must be on the class path but is not");
      }
      contents.put(path, new Content(type, in.readAllBytes()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The file of a path; null if there is none. */
  @Nullable Content of(String path) {
    return contents.get(path);
  }
}
