package org.diffusion4j.examples;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures how many pictures a second a service draws that runs. */
@Command(
    name = "load",
    description = {
      "Measures a service that runs (serve): pictures a second of one caller after another,",
      "and of several at once."
    },
    mixinStandardHelpOptions = true)
final class LoadCommand extends ExampleCommand {

  private static final int OK = 200;

  @Option(names = "--url", description = "Address of the service (${DEFAULT-VALUE}).")
  private URI url = URI.create("http://127.0.0.1:8080/");

  @Option(
      names = "--callers",
      converter = Positive.class,
      description = "Callers at once (${DEFAULT-VALUE}).")
  private int callers = 16;

  @Option(
      names = "--requests",
      converter = Positive.class,
      description = "Requests of each measurement, for one picture each (${DEFAULT-VALUE}).")
  private int requests = 64;

  @Option(names = "--model", description = "Name of a model (the first one of the service).")
  private String model = "";

  @Option(names = "--class", description = "Class, of a model of classes (${DEFAULT-VALUE}).")
  private int label = 7;

  @Option(names = "--prompt", description = "Text, for a model of texts.")
  private String prompt = "";

  @Option(
      names = "--steps",
      converter = Positive.class,
      description = "Sampling steps (${DEFAULT-VALUE}).")
  private int steps = 20;

  @Override
  public Integer call() throws IOException {
    HttpClient client = HttpClient.newHttpClient();
    try {
      measure(client, callers, callers); // plans are made
      double one = measure(client, 1, requests);
      double several = measure(client, callers, requests);
      out()
          .printf(
              Locale.ROOT,
              "1 caller      %8.2f pictures/s%n%-3d callers   %8.2f pictures/s%nratio     "
                  + "    %8.2f%n",
              one,
              callers,
              several,
              several / one);
      return 0;
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      throw new IOException(cause == null ? e.getMessage() : cause.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 1;
    }
  }

  /** Pictures a second. */
  private double measure(HttpClient client, int threads, int number)
      throws InterruptedException, ExecutionException {
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      long start = System.nanoTime();
      List<? extends Future<?>> answers =
          LongStream.range(0, number)
              .mapToObj(seed -> pool.submit(() -> ask(client, seed)))
              .toList();
      for (Future<?> answer : answers) {
        answer.get();
      }
      return number / ((System.nanoTime() - start) / 1e9);
    } finally {
      pool.shutdownNow();
    }
  }

  private void ask(HttpClient client, long seed) {
    try {
      HttpRequest request =
          HttpRequest.newBuilder(url.resolve("/api/generate"))
              .header("Content-Type", "application/json")
              .POST(BodyPublishers.ofString(body(seed)))
              .build();
      HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
      if (answer.statusCode() != OK) {
        throw new IllegalStateException(
            "the service answered with " + answer.statusCode() + ": " + answer.body());
      }
    } catch (ConnectException e) {
      throw new IllegalStateException(url + ": does not answer", e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private String body(long seed) throws IOException {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("model", model);
    if (prompt.isEmpty()) {
      fields.put("class", label);
    } else {
      fields.put("prompt", prompt);
    }
    fields.put("steps", steps);
    fields.put("seed", seed);
    return JSON.std.asString(fields);
  }
}
