"""What makes a fake of an object store as strict as the service that it stands for."""
