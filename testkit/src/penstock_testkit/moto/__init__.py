"""What makes moto as strict as the services that it stands for."""
