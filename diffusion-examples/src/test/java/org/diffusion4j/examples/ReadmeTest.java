package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.StringWriter;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program in the README compiles and runs as it stands there, with fewer steps. */
class ReadmeTest {

  private static final Pattern JAVA = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
  private static final Pattern COMMAND =
      Pattern.compile("\n## (Run|Test)\n.*?```sh\n(.*?)```", Pattern.DOTALL);

  @TempDir Path directory;

  private static String readme() throws Exception {
    return Files.readString(Path.of("..", "README.md"));
  }

  @Test
  void program_trainsSavesLoadsAndSamples() throws Exception {
    StringBuilder program = new StringBuilder();
    Matcher blocks = JAVA.matcher(readme());
    while (blocks.find()) {
      program.append(blocks.group(1));
    }
    assertThat(program).contains("2_000", "DdimSampler(50)", "Path.of(\"");
    String source =
        """
        import java.nio.file.Path;
        import java.time.Duration;
        import org.diffusion4j.*;
        import org.diffusion4j.data.*;
        import org.diffusion4j.pretrained.*;
        import org.diffusion4j.samplers.*;
        import org.diffusion4j.training.*;
        import org.diffusion4j.unet.*;
        import org.nd4j.linalg.api.ndarray.INDArray;
        public class Program {
          public static void run() throws Exception {
        %s  }
        }
        """
            .formatted(program)
            .replace("2_000", "2")
            .replace("DdimSampler(50)", "DdimSampler(2)")
            .replace("Path.of(\"", "Path.of(\"" + directory.toString().replace('\\', '/') + "/");
    writePictures(directory.resolve("train-images-idx3-ubyte.gz"));
    compile(source);
    try (URLClassLoader loader = new URLClassLoader(new URL[] {directory.toUri().toURL()})) {
      loader.loadClass("Program").getMethod("run").invoke(null);
    }
    assertThat(directory.resolve("model/unet/config.json")).exists();
    assertThat(ImageIO.read(directory.resolve("samples.png").toFile()).getWidth())
        .isGreaterThan(4 * 2 * 28);
  }

  /** Four pictures of 28 x 28 pixels as IDX. */
  private static void writePictures(Path file) throws Exception {
    byte[] idx = new byte[16 + 4 * 28 * 28];
    idx[2] = 8;
    idx[3] = 3;
    idx[7] = 4;
    idx[11] = 28;
    idx[15] = 28;
    for (int i = 16; i < idx.length; i++) {
      idx[i] = (byte) i;
    }
    Files.write(file, idx);
  }

  private void compile(String source) {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    JavaFileObject file =
        new SimpleJavaFileObject(URI.create("string:///Program.java"), JavaFileObject.Kind.SOURCE) {
          @Override
          public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return source;
          }

          @Override
          public InputStream openInputStream() {
            throw new UnsupportedOperationException();
          }

          @Override
          public OutputStream openOutputStream() {
            throw new UnsupportedOperationException();
          }
        };
    StringWriter messages = new StringWriter();
    List<String> options =
        List.of(
            "-proc:none",
            "-d",
            directory.toString(),
            "-classpath",
            System.getProperty("java.class.path")
                + File.pathSeparator
                + System.getProperty("surefire.test.class.path", ""));
    boolean compiled = compiler.getTask(messages, null, null, options, null, List.of(file)).call();
    assertThat(compiled).as(messages.toString()).isTrue();
  }

  @Test
  void commands_areOneLineEach() throws Exception {
    Matcher commands = COMMAND.matcher(readme());
    int found = 0;
    while (commands.find()) {
      assertThat(commands.group(2).strip().lines()).hasSize(1);
      assertThat(commands.group(2)).startsWith("mvn ");
      found++;
    }
    assertThat(found).isEqualTo(2);
  }
}
