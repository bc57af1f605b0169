package app;

import org.diffusion4j.micrometer.MicrometerTrainingListener;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** Samples once, and ends. */
@SpringBootApplication
public class Application {

  public static void main(String[] arguments) {
    SpringApplication.run(Application.class, arguments).close();
  }

  @Bean
  CommandLineRunner sample() {
    return arguments -> {
      System.out.println(MicrometerTrainingListener.class.getSimpleName());
      Sample.main(arguments);
    };
  }
}
