package org.diffusion4j.spring;

import java.util.Map;
import org.diffusion4j.pretrained.PretrainedModel;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.support.AutowireCandidateQualifier;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.EnvironmentAware;
import org.springframework.context.annotation.ImportBeanDefinitionRegistrar;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotationMetadata;

/**
 * Defines the beans of each model: the {@link DiffusionModel} with the model's name, and its {@link
 * PretrainedModel}, both qualified with the name.
 */
final class ModelDefinitions implements ImportBeanDefinitionRegistrar, EnvironmentAware {

  static final String FACTORY = "diffusionModelFactory";

  private Map<String, DiffusionProperties.Model> models = Map.of();

  @Override
  public void setEnvironment(Environment environment) {
    models =
        Binder.get(environment)
            .bind(DiffusionProperties.PREFIX, DiffusionProperties.class)
            .map(DiffusionProperties::models)
            .orElse(Map.of());
  }

  @Override
  public void registerBeanDefinitions(
      AnnotationMetadata importing, BeanDefinitionRegistry registry) {
    models.forEach(Settings::require);
    for (String name : models.keySet()) {
      RootBeanDefinition model = new RootBeanDefinition(DiffusionModel.class);
      model.setFactoryBeanName(FACTORY);
      model.setFactoryMethodName("create");
      model.getConstructorArgumentValues().addIndexedArgumentValue(0, name);
      model.setDestroyMethodName("close");
      model.addQualifier(new AutowireCandidateQualifier(Qualifier.class, name));
      registry.registerBeanDefinition(name, model);

      RootBeanDefinition pretrained = new RootBeanDefinition(PretrainedModel.class);
      pretrained.setFactoryBeanName(name);
      pretrained.setFactoryMethodName("pretrained");
      // The bean above closes it, and one that is not loaded must not keep the application down.
      pretrained.setDestroyMethodName("");
      pretrained.setLazyInit(true);
      pretrained.addQualifier(new AutowireCandidateQualifier(Qualifier.class, name));
      registry.registerBeanDefinition(name + "PretrainedModel", pretrained);
    }
  }
}
