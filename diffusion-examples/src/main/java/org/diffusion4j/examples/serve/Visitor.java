package org.diffusion4j.examples.serve;

import com.sun.net.httpserver.Headers;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Whether a request comes from the service's own page, or from a program, and not from the page of
 * another site. A browser sends what a page asks for to any address, also to this machine's.
 */
final class Visitor {

  private static final Set<String> OWN_SITES = Set.of("same-origin", "none");

  private final List<String> hosts;

  /**
   * @param port of the service
   */
  Visitor(int port) {
    hosts = List.of("127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port);
  }

  /**
   * Refuses names under which the service does not run: that of another site may have been made to
   * point to this machine (DNS rebinding).
   */
  void requireOwnHost(Headers headers) {
    String host = first(headers, "Host").toLowerCase(Locale.ROOT);
    if (!hosts.contains(host)) {
      throw new Refusal(
          Refusal.FORBIDDEN, "host must be one of " + String.join(", ", hosts) + " but is another");
    }
  }

  /** Refuses what the page of another site asks for. */
  void requireOwnPage(Headers headers) {
    String origin = first(headers, "Origin");
    String host = first(headers, "Host").toLowerCase(Locale.ROOT);
    boolean own = origin.isEmpty() || origin.toLowerCase(Locale.ROOT).equals("http://" + host);
    String site = first(headers, "Sec-Fetch-Site");
    if (!own || !(site.isEmpty() || OWN_SITES.contains(site))) {
      throw new Refusal(
          Refusal.FORBIDDEN, "only pages of this service may ask for pictures but another did");
    }
  }

  /** The value of a header; empty if it is absent. */
  static String first(Headers headers, String name) {
    String value = headers.getFirst(name);
    return value == null ? "" : value;
  }
}
